"""Intakes: each message that a connector offers starts one run, whatever dies between reading and starting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chargehand import clock
from chargehand.connectors.model import Pin
from chargehand.errors import BadInput, Forbidden, NotFound
from chargehand.gateway.gateway import Gateway
from chargehand.gateway.model import ApprovalNeeded, ToolCall
from chargehand.identity import store as people
from chargehand.outcome import Failure, Outcome
from chargehand.runs.model import Intake
from chargehand.runs.triggers import intake_page
from chargehand.runs.triggers.intakes import IntakeChange, Intakes
from fixtures.starting import AMY, EVE, STRANGER, House, house

__all__ = ["house"]

SCHEMA = {"type": "object", "properties": {"to": {"type": "string"}, "after": {"type": "string"}}, "required": ["to"]}
OFFERS = {"type": "object", "properties": {"messages": {}, "cursor": {}}}
FIELDS = {"what": "subject"}


def pin(tool: str, *, effect: Any = "read", takes: Any = SCHEMA, gives: Any = OFFERS) -> Pin:
    return Pin(tool, "sha256:0", effect, "safe", {"name": tool, "inputSchema": takes, "outputSchema": gives})


class Died(Exception):
    """The worker is gone at this point: nothing of its transaction is kept."""


@dataclass
class FakeMailbag:
    """Stands in for gateway and connector: a list of messages, read page by page; policy on reading can say no."""

    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    page: int = 2
    answer: Callable[[ToolCall], Outcome | ApprovalNeeded] | None = None

    def add(self, name: str, subject: Any) -> None:
        self.messages.append({"id": name, "subject": subject})

    @property
    def desk(self) -> Any:
        pins = {
            "mail.list_new": pin("mail.list_new"),
            "mail.send": pin("mail.send", effect="irreversible"),
            "mail.find": pin("mail.find", gives={"type": "object"}),
        }
        return SimpleNamespace(pins=pins)

    async def call(self, call: ToolCall) -> Outcome | ApprovalNeeded:
        assert call.key not in {one.key for one in self.calls}, "each read is a call of its own"
        self.calls.append(call)
        await asyncio.sleep(0)
        if self.answer is not None:
            return self.answer(call)
        after = call.arguments["after"]
        begin = len(self.messages) if after == "end" else int(after or 0)
        page = self.messages[begin : begin + self.page]
        value = {"messages": page, "cursor": str(begin + len(page))}
        return Outcome(state="succeeded", tool=call.tool, call_key=call.key, value=value)

    async def give_up(self, call: ToolCall) -> Outcome:
        return Outcome(
            state="expired", tool=call.tool, call_key=call.key, failure=Failure(kind="people", detail="Nobody asked.")
        )


@pytest.fixture
def bag() -> FakeMailbag:
    return FakeMailbag()


@pytest.fixture
def intakes(house: House, bag: FakeMailbag) -> Intakes:
    house.denied.add(("person:eve", "chargehand.manage_hooks"))
    return over(house, bag)


def over(house: House, bag: FakeMailbag, runs: Any = None) -> Intakes:
    runs = runs or house.runs
    return Intakes(runs.db, runs, cast("Gateway", bag))


async def create(intakes: Intakes, **change: Any) -> Intake:
    given: dict[str, Any] = {"name": "mail", "arguments": {"to": "a@b.example"}, "fields": FIELDS, **change}
    return await intakes.create(AMY, "clerk", given.pop("tool", "mail.list_new"), **given)


async def read_all(house: House, intakes: Intakes) -> int:
    """Read until nothing more comes."""
    house.clock.ahead += timedelta(minutes=2)
    started = 0
    while found := await intakes.read_due():
        started += found
    return started


async def test_each_message_starts_one_run_on_behalf_of_who_set_it_up(
    house: House, intakes: Intakes, bag: FakeMailbag
) -> None:
    bag.add("old", "there before")
    made = await create(intakes)
    assert (made.cursor, made.started) == ("1", 0)
    for number in range(5):
        bag.add(f"<{number}@c>", f"mail {number}")
    assert await read_all(house, intakes) == 5
    assert await read_all(house, intakes) == 0
    runs = house.started()
    assert [run["business_key"] for run in reversed(runs)] == [f"mail {number}" for number in range(5)]
    assert {(run["principal"], run["chain"], run["signed_in_by"], run["state"]) for run in runs} == {
        ("person:amy", '["person:amy","agent:clerk"]', "message", "starting")
    }
    assert {call.chain for call in bag.calls} == {("person:amy",)}
    assert {call.run for call in bag.calls} == {made.id}
    found = await intakes.get(AMY, made.id)
    assert (found.cursor, found.started, found.last_run, found.last_problem) == ("6", 5, runs[0]["id"], "")
    told = [one for one in await house.records() if one.get("event") == "started"]
    assert {one["intake"] for one in told} == {made.id}


async def test_all_that_is_there_starts_runs_if_so_asked(house: House, intakes: Intakes, bag: FakeMailbag) -> None:
    bag.add("old", "there before")
    await create(intakes, after="")
    assert await read_all(house, intakes) == 1


async def test_a_worker_that_dies_between_reading_and_starting_starts_nothing_twice(
    house: House, intakes: Intakes, bag: FakeMailbag, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await create(intakes)
    for number in range(4):
        bag.add(f"m{number}", f"mail {number}")
    real = intake_page.start_messages
    deaths = iter([True, False, True, True, False])

    def dies(*given: Any) -> Any:
        if next(deaths, False):
            raise Died  # read, claimed, and gone
        return real(*given)

    monkeypatch.setattr("chargehand.runs.triggers.intakes.start_messages", dies)
    for _ in range(6):
        house.clock.ahead += timedelta(minutes=2)
        try:
            await over(house, bag).read_due()
        except Died:
            continue
    assert sorted(run["business_key"] for run in house.started()) == [f"mail {number}" for number in range(4)]
    assert (await intakes.get(AMY, made.id)).started == 4


async def test_many_workers_at_once_start_each_message_once(house: House, intakes: Intakes, bag: FakeMailbag) -> None:
    await create(intakes)
    for number in range(7):
        bag.add(f"m{number}", f"mail {number}")
    workers = [intakes, *(over(house, bag, house.worker().runs) for _ in range(3))]
    for _ in range(8):
        house.clock.ahead += timedelta(minutes=2)
        await asyncio.gather(*(one.read_due() for one in workers))
    assert len(house.started()) == 7


async def test_a_message_that_makes_no_input_is_recorded_and_passed_by(
    house: House, intakes: Intakes, bag: FakeMailbag
) -> None:
    made = await create(intakes)
    bag.add("m1", "")
    bag.add("m2", 7)
    bag.add("m3", "good")
    assert await read_all(house, intakes) == 0  # the page of the two
    assert await read_all(house, intakes) == 1
    records = [one for one in await house.records() if one["event"] == "message_refused"]
    assert sorted(one["message_id"] for one in records) == ["m1", "m2"]
    found = await intakes.get(AMY, made.id)
    assert (found.cursor, found.started, found.last_problem) == ("3", 1, "")


async def test_another_message_under_the_same_id_is_not_lost_in_silence(
    house: House, intakes: Intakes, bag: FakeMailbag
) -> None:
    made = await create(intakes)
    bag.add("m1", "first")
    bag.add("m1", "second")
    assert await read_all(house, intakes) == 1
    assert "Another message" in (await intakes.get(AMY, made.id)).last_problem
    assert [one["event"] for one in await house.records()].count("message_refused") == 1


async def test_where_the_start_is_refused_the_intake_stays_and_loses_nothing(
    house: House, intakes: Intakes, bag: FakeMailbag
) -> None:
    made = await create(intakes)
    bag.add("m1", "")
    bag.add("m2", "good")
    house.denied.add(("person:amy", "agent.clerk"))
    for _ in range(3):
        assert await read_all(house, intakes) == 0
    found = await intakes.get(AMY, made.id)
    assert (found.cursor, "may not start" in found.last_problem) == ("0", True)
    assert [one["event"] for one in await house.records()].count("start_refused") == 1
    house.denied.discard(("person:amy", "agent.clerk"))
    assert await read_all(house, intakes) == 1
    house.db.write_now(lambda tx: people.change_user(tx.connection, "demo", "person:amy", {"active": False}))
    bag.add("m3", "later")
    assert await read_all(house, intakes) == 0
    assert "can't sign in" in (await intakes.get(AMY, made.id)).last_problem


async def test_what_can_not_be_read_is_said_and_tried_again(house: House, intakes: Intakes, bag: FakeMailbag) -> None:
    made = await create(intakes)
    bag.add("m1", "good")

    def failed(call: ToolCall, state: Any = "failed") -> Outcome:
        return Outcome(
            state=state, tool=call.tool, call_key=call.key, failure=Failure(kind="retryable", detail="It is down.")
        )

    def garbage(call: ToolCall) -> Outcome:
        return Outcome(state="succeeded", tool=call.tool, call_key=call.key, value={"messages": [{}], "cursor": "9"})

    def asks(call: ToolCall) -> ApprovalNeeded:
        return ApprovalNeeded(approval="apr_1", sentence="Read?", expires_at=clock.now())

    for answer, why in ((failed, "It is down."), (garbage, "no id"), (asks, "Nobody asked.")):
        bag.answer = answer
        assert await read_all(house, intakes) == 0
        found = await intakes.get(AMY, made.id)
        assert (found.cursor, why in found.last_problem) == ("0", True)
    bag.answer = None
    assert await read_all(house, intakes) == 1
    assert (await intakes.get(AMY, made.id)).last_problem == ""
    bag.answer = failed
    with pytest.raises(BadInput, match="down"):
        await create(intakes)  # it is read at once, to see that it works


async def test_paused_it_reads_nothing_and_resumed_it_reads_what_came(
    house: House, intakes: Intakes, bag: FakeMailbag
) -> None:
    made = await create(intakes)
    assert (await intakes.pause(AMY, made.id)).next_at is None
    bag.add("m1", "while paused")
    assert await read_all(house, intakes) == 0
    await intakes.resume(AMY, made.id)
    assert await read_all(house, intakes) == 1
    await intakes.resume(AMY, made.id, after="")  # all over again: nothing is started twice
    assert await read_all(house, intakes) == 0
    assert len(house.started()) == 1
    await intakes.delete(AMY, made.id)
    bag.add("m2", "too late")
    assert await read_all(house, intakes) == 0
    with pytest.raises(NotFound):
        await intakes.get(AMY, made.id)
    events = [one["event"] for one in await house.records()]
    assert [events.count(f"intake_{what}") for what in ("created", "paused", "resumed", "deleted")] == [1, 1, 2, 1]


async def test_who_may_is_policy_and_a_tenant_sees_its_own(house: House, intakes: Intakes, bag: FakeMailbag) -> None:
    made = await create(intakes)
    for act in (intakes.get, intakes.pause, intakes.resume, intakes.delete):
        with pytest.raises(Forbidden):
            await act(EVE, made.id)
        with pytest.raises(NotFound):
            await act(STRANGER, made.id)
    assert await intakes.list(EVE) == []
    assert await intakes.list(STRANGER) == []
    assert [one.id for one in await intakes.list(AMY)] == [made.id]
    with pytest.raises(Forbidden):
        await create(intakes, principal="person:eve")
    bad: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"tool": "mail.gone"}, NotFound, "no reviewed tool"),
        ({"tool": "mail.send"}, BadInput, "changes something"),
        ({"tool": "mail.find"}, BadInput, "no messages"),
        ({"arguments": {}}, BadInput, "arguments"),
        ({"fields": {"what": "a["}}, BadInput, "mapping.what"),
    ]
    for change, kind, said in bad:
        with pytest.raises(kind, match=said):
            await create(intakes, **change)


def test_only_a_read_that_takes_a_cursor_and_gives_messages_is_offered(intakes: Intakes) -> None:
    (offer,) = intakes.offers(["mail.find", "mail.gone", "mail.list_new", "mail.send"])
    assert offer.tool == "mail.list_new"
    assert (set(offer.input_schema["properties"]), offer.input_schema["required"]) == ({"to"}, ["to"])
    assert offer.fields == (), "its definition says nothing of what a message holds"


async def test_it_is_changed_by_its_maker_and_goes_on_where_it_was(
    house: House, intakes: Intakes, bag: FakeMailbag
) -> None:
    made = await create(intakes)
    bag.add("m1", "first")
    assert await read_all(house, intakes) == 1
    bag.add("m2", "second")
    changed = await intakes.change(AMY, made.id, {"name": "post", "arguments": {"to": "c@d.example"}})
    assert (changed.name, changed.arguments, changed.mapping) == ("post", {"to": "c@d.example"}, FIELDS)
    assert bag.calls[-1].arguments == {"to": "c@d.example", "after": "1"}, "it is read at once, to see that it works"
    assert len(house.started()) == 1
    fields = {"what": "join(' ', ['mail', subject])"}
    await intakes.change(AMY, made.id, {"mapping": fields, "every_seconds": 600})
    await intakes.change(AMY, made.id, {"every_seconds": 600})  # changes nothing
    assert await read_all(house, intakes) == 1
    assert {run["business_key"] for run in house.started()} == {"first", "mail second"}
    assert clock.parse(str((await intakes.get(AMY, made.id)).next_at)) > clock.now()
    told = [one for one in await house.records() if one["event"] == "intake_changed"]
    assert len(told) == 2
    assert told[0]["before"]["every_seconds"] == 60
    assert told[0]["after"]["every_seconds"] == 600
    # All over again by the new mapping: what has started a run starts no other.
    await intakes.resume(AMY, made.id, after="")
    assert await read_all(house, intakes) == 0
    assert "by another mapping" in (await intakes.get(AMY, made.id)).last_problem
    assert len(house.started()) == 2


async def test_a_change_is_checked_as_a_new_one_and_nobody_elses(
    house: House, intakes: Intakes, bag: FakeMailbag
) -> None:
    made = await create(intakes)
    with pytest.raises(NotFound):
        await intakes.change(STRANGER, made.id, {"name": "x"})
    with pytest.raises(Forbidden):
        await intakes.change(EVE, made.id, {"name": "x"})
    house.denied.discard(("person:eve", "chargehand.manage_hooks"))
    with pytest.raises(Forbidden, match="who alone may change it"):
        await intakes.change(EVE, made.id, {"name": "x"})
    for change, said in (({"arguments": {}}, "arguments"), ({"mapping": {"what": "a["}}, "mapping.what")):
        with pytest.raises(BadInput, match=said):
            await intakes.change(AMY, made.id, cast("IntakeChange", change))
    bag.answer = lambda call: Outcome(
        state="failed", tool=call.tool, call_key=call.key, failure=Failure(kind="invalid", detail="No such box.")
    )
    with pytest.raises(BadInput, match="No such box"):
        await intakes.change(AMY, made.id, {"arguments": {"to": "nobody@b.example"}})
    bag.answer = None
    assert (await intakes.get(AMY, made.id)).arguments == {"to": "a@b.example"}
    house.denied.add(("person:amy", "chargehand.manage_hooks"))
    with pytest.raises(Forbidden):
        await intakes.change(AMY, made.id, {"name": "x"})


async def test_what_is_changed_while_it_is_read_is_read_again(
    house: House, intakes: Intakes, bag: FakeMailbag, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await create(intakes)
    bag.add("m1", "good")
    real, raced = bag.call, list[str]()

    async def slow(call: ToolCall) -> Outcome | ApprovalNeeded:
        answer = await real(call)
        if not raced:
            raced.append("once")
            await over(house, bag).change(AMY, made.id, {"mapping": {"what": "join(' ', ['new', subject])"}})
        return answer

    monkeypatch.setattr(bag, "call", slow)
    house.clock.ahead += timedelta(minutes=2)
    assert await intakes.read_due() == 0, "the page was read by what stood before"
    assert await read_all(house, intakes) == 1
    assert [run["business_key"] for run in house.started()] == ["new good"]
