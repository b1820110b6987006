"""After a person is erased, no copy of what was said of that person is readable in any table or file of ours."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import insert

from chargehand import clock
from chargehand.agents.catalog import AgentCatalog
from chargehand.approvals import copies as approval_copies
from chargehand.audit import keys
from chargehand.audit.erasure import Erased
from chargehand.audit.evidence import Prover
from chargehand.audit.export_jobs import Exports
from chargehand.audit.integrator import Integrator
from chargehand.audit.model import Who
from chargehand.audit.service import AuditService
from chargehand.audit.verifier import verify
from chargehand.connectors.definition import digest
from chargehand.connectors.model import PersonalData, ToolResult
from chargehand.database import Database
from chargehand.errors import Ambiguous, BadInput, Conflict, NotFound
from chargehand.gateway import copies as gateway_copies
from chargehand.gateway.history import CallHistory
from chargehand.gateway.model import ApprovalNeeded
from chargehand.gateway.service import CallService
from chargehand.identity import store as people
from chargehand.identity.service import new_user
from chargehand.migrations import metadata
from chargehand.models import copies as model_copies
from chargehand.outcome import Failure, Outcome
from chargehand.runs import copies
from chargehand.runs.erasure import Erasures
from chargehand.runs.errand_store import ERRAND
from chargehand.runs.pause_store import PAUSE
from chargehand.runs.service import RunService
from chargehand.runs.store import EVENT, RUN, TASK
from chargehand.runs.text_store import TEXT as TEXT_OF_MODEL
from chargehand.runs.triggers.hook_store import DELIVERY
from chargehand.runs.triggers.intakes import Intakes
from chargehand.testing import FakePolicy
from chargehand.testing.policies import decision
from fixtures.gateway import AMY, LI, PINS, REFUND, Clock, World, allow, ask, build_world, signed_in
from fixtures.starting import clerk, no_temporal

MARKER = "Zweigelt77kettle"
SUBJECT = "customer:li wei"
ROOT = Who(principal="person:root", chain=("person:root",), signed_in_by="password")
TEXT = "erp.tell"


class Died(Exception):
    """A worker is gone at this point."""


MARK = PersonalData("customer", "customer", ("customer",))


@dataclass
class Lab:
    world: World
    state: Path
    postgres: str = ""

    @property
    def audit(self) -> AuditService:
        return AuditService(self.world.db, self.state)

    @property
    def exports(self) -> Exports:
        return Exports(self.audit, self.state / "exports")

    @property
    def erasures(self) -> Erasures:
        return Erasures(self.world.db, self.exports)

    def sign(self) -> None:
        integrator = Integrator(self.world.db, self.state)
        try:
            assert integrator.tick()
        finally:
            integrator.close()

    def found(self) -> list[str]:
        """Where the marker stands: in files of ours, or in a dump of the database."""
        places = [path for path in self.state.rglob("*") if path.is_file()]
        found = [str(path.relative_to(self.state)) for path in places if MARKER.encode() in path.read_bytes()]
        if self.postgres:
            program = max(Path("/usr/lib/postgresql").glob("*/bin/pg_dump"))
            url = self.postgres.replace("+psycopg", "")
            dump = subprocess.run([program, "--dbname", url], capture_output=True, check=True).stdout
            found += ["dump"] if MARKER.encode() in dump or MARKER.encode().hex().encode() in dump else []
        return found


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def lab(request: pytest.FixtureRequest, tmp_path: Path, moving_clock: Clock) -> Iterator[Lab]:
    url = request.getfixturevalue("postgres") if request.param == "postgresql" else ""
    state = tmp_path / "state"
    db = Database(url or f"sqlite:///{state}/chargehand.db")
    world = build_world(state, moving_clock, database=db)
    schema = {"type": "object", "properties": {"customer": {"type": "string"}, "reason": {"type": "string"}}}
    definition = {**PINS["erp.refund"].definition, "inputSchema": schema}
    world.pins.pins["erp.refund"] = replace(PINS["erp.refund"], personal=(MARK,))
    world.pins.pins[TEXT] = replace(
        PINS["erp.refund"], tool=TEXT, definition=definition, says="Tell {customer}: {reason}", personal=(MARK,)
    )
    yield Lab(world, state, url)
    db.close()


@pytest.fixture
async def told(lab: Lab) -> Lab:
    """The marker has come in by every door, and everything has ended."""
    world = lab.world
    about = {"customer": "Li Wei", "reason": f"He says {MARKER}"}
    world.policy.answer = lambda _: ask()
    for n, approve in enumerate((True, False)):
        needed = await world.call(TEXT, arguments=about, key=f"call-{n}-asked")
        assert isinstance(needed, ApprovalNeeded)
        (item,) = await world.approvals.inbox(signed_in(LI))
        await world.approvals.give_verdict(
            item.request.id, signed_in(LI), approve=approve, digest=item.request.digest, comment=f"{MARKER} is right"
        )
        ended = await world.call(TEXT, arguments=about, key=f"call-{n}-asked")
        assert isinstance(ended, Outcome)
    world.policy.answer = lambda _: allow()

    async def fails(tool: str, *_: Any) -> ToolResult:
        return ToolResult(tool, failure=Failure(kind="conflict", detail=f"The system says {MARKER}"))

    async def answers(tool: str, *_: Any) -> ToolResult:
        return ToolResult(tool, value={"said": MARKER, "lines": [MARKER * 500]})

    async def breaks(*_: Any) -> ToolResult:
        raise Ambiguous(f"reset while {MARKER}")

    world.system.before = fails
    await world.call(TEXT, arguments=about, key="call-that-fails")
    world.system.before = answers
    await world.call("erp.get_order", arguments={"order": MARKER[:6]}, key="call-that-reads")
    await world.call("erp.refund", key="call-that-pays")
    world.system.before = breaks
    doubtful = await world.call("erp.wire", arguments={"order": "SO-1042", "customer": "Li Wei"}, key="call-in-doubt")
    assert isinstance(doubtful, Outcome)
    world.system.before = None
    world.clock.pass_(seconds=120)
    service = CallService(world.db, world.gateway)
    seen = f"The bank says {MARKER}"
    await service.reconcile("call-in-doubt", signed_in(LI), happened=False, evidence=seen, comment=MARKER)
    await world.call("erp.unreviewed", arguments={"word": MARKER}, key="call-unreviewed")
    _tell_run(world.db, clock.iso(clock.now()))
    await world.gateway.drain()
    lab.sign()
    exports = lab.exports
    job = await exports.start("demo", ROOT, "jsonl", "", personal=True)
    await asyncio.wait_for(exports.finished(job.id), 60)
    return lab


def _tell_run(db: Database, at: str) -> None:
    """Rows as the runtime writes them; the real runtime is in tests/behaviour/stack/test_erasure.py."""
    said = orjson.dumps({"text": MARKER}).decode()
    run = dict.fromkeys((column.name for column in RUN.columns), "") | {
        "id": "run_1", "tenant": "demo", "request_key": "k", "state": "failed", "input": said, "result": said,
        "failure": orjson.dumps({"detail": MARKER, "kind": "call-failed", "node": "refund"}).decode(), "events": 1,
        "chain": "[]", "waiting": "[]", "created_at": at, "ended_at": at,
    }  # fmt: skip
    event = {"run": "run_1", "seq": 1, "tenant": "demo", "at": at, "kind": "call.settled", "step": "refund"}
    data = {"tool": TEXT, "state": "failed", "failure": {"detail": MARKER}, "to": f"Li {MARKER}", "position": 3}
    task = dict.fromkeys((column.name for column in TASK.columns), "") | {
        "id": "task_1", "tenant": "demo", "run": "run_1", "question": MARKER, "title": MARKER, "form": said,
        "answer": said, "state": "answered", "told": True,
    }  # fmt: skip
    pause = {"run": "run_1", "tenant": "demo", "number": 1, "paused": False, "by": LI, "reason": MARKER, "at": at}
    came = dict.fromkeys((column.name for column in DELIVERY.columns), "") | {
        "id": "d1", "tenant": "demo", "run": "run_1", "message": MARKER, "why": MARKER, "status": 200, "size_bytes": 1,
    }  # fmt: skip
    errand = {
        "id": "e1",
        "tenant": "demo",
        "state": "answered",
        "request": MARKER,
        "answer": MARKER,
        "asked_at": "2026",
    }
    text = {
        "run": "run_1", "tenant": "demo", "position": 1, "attempt": 1, "start": 0, "after": 1, "part": 1, "step": "s",
        "at": at, "left_out": 0, "text": MARKER,
    }  # fmt: skip
    db.write_now(
        lambda tx: [
            tx.connection.execute(insert(ERRAND), errand),
            tx.connection.execute(insert(RUN), run),
            tx.connection.execute(insert(EVENT), {**event, "data": orjson.dumps(data).decode()}),
            tx.connection.execute(insert(TASK), task),
            tx.connection.execute(insert(PAUSE), {**pause, "told": True}),
            tx.connection.execute(insert(DELIVERY), came),
            tx.connection.execute(insert(TEXT_OF_MODEL), [text, {**text, "start": len(MARKER), "part": 2}]),
        ]
    )


async def test_nothing_is_readable_afterwards_and_every_proof_holds(told: Lab, tmp_path: Path) -> None:
    world = told.world
    assert told.found(), "the marker came in"
    evidence = tmp_path / "before.zip"
    Prover(world.db, told.state, "demo").write(evidence)
    erased = await told.erasures.erase("demo", SUBJECT, who=ROOT, reason=f"{SUBJECT} asked for it")
    assert erased.runs == ("run_1",)
    assert erased.keys > 1
    assert erased.exports == 1
    assert erased.left == ()
    assert told.found() == []
    assert (await told.audit.query("demo", MARKER, personal=True)).items == ()
    told.sign()
    after = tmp_path / "after.zip"
    Prover(world.db, told.state, "demo").write(after)
    key = keys.verifier_key(
        keys.load_or_create(told.state / "keys" / keys.LOG_KEY), keys.origin("chargehand.local", "demo")
    )
    for file in (evidence, after):
        assert MARKER.encode() not in file.read_bytes()
        assert verify(file, key=key).ok


def nothing(*_: Any) -> None: ...


async def test_the_log_alone_is_not_enough(told: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without the rooms' own part the marker is found."""
    monkeypatch.setattr("chargehand.runs.copies.erase", nothing)
    await told.erasures.erase("demo", SUBJECT, who=ROOT, reason="asked")
    assert told.found() != []


async def test_erased_calls_stay_what_they_were(told: Lab) -> None:
    world = told.world
    paid = next(
        call for call in await CallService(world.db, world.gateway).calls(signed_in(LI)) if call.key == "call-that-pays"
    )
    await told.erasures.erase("demo", SUBJECT, who=ROOT, reason="asked")
    calls = {call.key: call for call in await CallService(world.db, world.gateway).calls(signed_in(LI))}
    after = calls["call-that-pays"]
    assert (after.digest, after.outcome, after.tool) == (paid.digest, "succeeded", "erp.refund")
    assert after.arguments == {"amount": "1280.00", "currency": "CHF"}
    since = clock.parse("2026-01-01T00:00:00Z")

    def total(connection: Any) -> Any:
        return CallHistory(connection, "demo", "other").total("amount", tool="erp.refund", since=since, of={})

    assert str(world.db.read_now(total)) == "1280.00", "an erasure frees no budget"
    sent = len(world.system.effects)
    again = await world.call("erp.refund", key="call-that-pays")
    assert isinstance(again, Outcome)
    assert (again.state, again.value) == ("succeeded", None), "how it ended is still known, so it is not done again"
    assert len(world.system.effects) == sent
    shown = await world.approvals.get(calls["call-0-asked"].approval, signed_in(LI))
    assert shown.request.sentence == "(erased)"
    assert shown.request.state == "approved"


async def test_what_goes_on_is_not_broken(lab: Lab) -> None:
    world = lab.world
    world.policy.answer = lambda _: ask()
    needed = await world.call("erp.refund")
    assert isinstance(needed, ApprovalNeeded)
    with pytest.raises(Conflict, match="still goes on: a call of the run run_1"):
        await lab.erasures.erase("demo", SUBJECT, who=ROOT, reason="asked")
    (item,) = await world.approvals.inbox(signed_in(LI))
    assert item.request.arguments == REFUND
    await world.approvals.give_verdict(item.request.id, signed_in(LI), approve=True, digest=item.request.digest)
    ended = await world.call("erp.refund")
    assert isinstance(ended, Outcome)
    assert ended.state == "succeeded"
    assert (await lab.erasures.erase("demo", SUBJECT, who=ROOT, reason="asked")).runs == ("run_1",)


async def test_who_is_not_known_or_named_is_refused(lab: Lab) -> None:
    with pytest.raises(NotFound):
        await lab.erasures.erase("demo", "customer:nobody", who=ROOT, reason="asked")
    with pytest.raises(BadInput):
        await lab.erasures.erase("demo", " ", who=ROOT, reason="asked")
    await lab.world.call("erp.refund")
    with pytest.raises(NotFound):
        await lab.erasures.erase("other", SUBJECT, who=ROOT, reason="asked")
    assert lab.world.records()[0]["arguments"] == REFUND


async def test_a_run_is_erased_by_its_id(told: Lab) -> None:
    erased = await told.erasures.erase("demo", "run:run_1", who=ROOT, reason="asked")
    assert erased.runs == ("run_1",)
    assert told.found() == []


async def test_where_the_name_still_stands_is_said(lab: Lab) -> None:
    await lab.world.call("erp.refund")
    await lab.world.call("erp.get_order", run="run_2", key="another-run", arguments={"order": "of Li Wei"})
    erased = await lab.erasures.erase("demo", SUBJECT, who=ROOT, reason="asked")
    assert [(one.place, one.id) for one in erased.left] == [("tool_call", "another-run")]


MAILS = "mail.list_new"
FIELDS = {"what": "subject", "text": "text"}
MAIL = {"id": "<1@shop.example>", "subject": "Broken", "text": f"I am Li Wei, and the {MARKER} is broken."}


@pytest.fixture
async def reading(lab: Lab) -> Intakes:
    """An intake over the real gateway: its connector offers MAIL, and mails that name nobody."""
    world = lab.world
    takes: dict[str, Any] = {"type": "object", "properties": {"to": {"type": "string"}, "after": {"type": "string"}}}
    gives: dict[str, Any] = {"type": "object", "properties": {"messages": {}, "cursor": {}}}
    definition = {"name": "list_new", "description": MAILS, "inputSchema": takes, "outputSchema": gives}
    world.pins.pins[MAILS] = replace(
        PINS["erp.get_order"], tool=MAILS, digest=digest(definition), definition=definition, says="Read mail to {to}"
    )

    async def offers(tool: str, arguments: dict[str, Any], *_: Any) -> ToolResult | None:
        if tool != MAILS:
            return None
        after = arguments["after"]
        page = [] if after in ("end", "1") else [MAIL]
        return ToolResult(tool, value={"messages": page, "cursor": "0" if after == "end" else "1"})

    world.system.before = offers
    for name in ("amy", "li"):
        user = new_user("demo", name, name.title(), "person", clock.now())
        world.db.write_now(lambda tx, user=user: people.add_user(tx.connection, user, "no hash"))
    runs = RunService(world.db, no_temporal, AgentCatalog([clerk]), FakePolicy(lambda _: decision("allow")))
    made = Intakes(world.db, runs, world.gateway)
    await made.create(signed_in(AMY), "clerk", MAILS, name="mail", arguments={"to": "c@x.example"}, fields=FIELDS)
    return made


async def _erase_who_wrote(lab: Lab, run: str) -> Erased:
    """Erase the customer of a run that a mail started, once it is over."""
    await lab.world.call("erp.refund", run=run, key=f"pays-for-{run}")
    over = {"state": "succeeded", "ended_at": clock.iso(clock.now())}
    lab.world.db.write_now(lambda tx: tx.connection.execute(RUN.update().where(RUN.c.id == run).values(**over)))
    erased = await lab.erasures.erase("demo", SUBJECT, who=ROOT, reason="asked")
    assert erased.runs == (run,)
    return erased


def _reads(lab: Lab) -> list[Any]:
    return lab.world.rows(
        'SELECT "key", digest, outcome, result, result_digest FROM tool_call WHERE tool = :t ORDER BY "key"', t=MAILS
    )


async def test_a_mail_that_was_read_is_kept_in_its_run_alone_and_erased_with_it(lab: Lab, reading: Intakes) -> None:
    lab.world.clock.pass_(minutes=2)
    assert await reading.read_due() == 1
    assert {read.outcome for read in _reads(lab)} == {"succeeded"}
    assert {read.result for read in _reads(lab)} == {""}, "whoever reads again does so by a key of its own"
    assert all(read.result_digest for read in _reads(lab)), "what was read can still be proved"
    (run,) = lab.world.rows("SELECT id, input FROM run")
    assert MARKER in run.input
    await lab.world.gateway.drain()
    lab.sign()
    assert lab.found() != []
    assert (await _erase_who_wrote(lab, run.id)).left == ()
    assert lab.found() == []


async def test_a_mail_that_was_read_by_a_worker_that_died_is_erased_too(
    lab: Lab, reading: Intakes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def dies(*_: Any) -> list[str]:
        raise Died

    lab.world.clock.pass_(minutes=2)
    with monkeypatch.context() as patch:
        patch.setattr("chargehand.runs.triggers.intakes.start_messages", dies)
        with pytest.raises(Died):
            await reading.read_due()
    assert [MARKER in read.result for read in _reads(lab)].count(True) == 1
    # Another intake reads the same mail, and starts the run: it knows nothing of the first one's reads.
    again = Intakes(lab.world.db, reading.runs, lab.world.gateway)
    await again.create(
        signed_in(LI), "clerk", MAILS, name="m", arguments={"to": "c@x.example"}, fields=FIELDS, after=""
    )
    _, first = await reading.list(signed_in(AMY))  # the newest comes first
    await reading.pause(signed_in(AMY), first.id)
    assert await again.read_due() == 1
    before = _reads(lab)
    assert [MARKER in read.result for read in before].count(True) == 1
    await lab.world.gateway.drain()
    lab.sign()
    evidence = tmp_path / "before.zip"
    Prover(lab.world.db, lab.state, "demo").write(evidence)
    (run,) = lab.world.rows("SELECT id FROM run")
    assert (await _erase_who_wrote(lab, run.id)).left == ()
    assert lab.found() == []
    after = _reads(lab)
    unchanged = [(read.key, read.digest, read.outcome, read.result_digest) for read in after]
    assert unchanged == [(read.key, read.digest, read.outcome, read.result_digest) for read in before]
    lab.sign()
    proof = tmp_path / "after.zip"
    Prover(lab.world.db, lab.state, "demo").write(proof)
    key = keys.verifier_key(
        keys.load_or_create(lab.state / "keys" / keys.LOG_KEY), keys.origin("chargehand.local", "demo")
    )
    assert all(verify(file, key=key).ok for file in (evidence, proof))
    await reading.resume(signed_in(AMY), first.id)
    lab.world.clock.pass_(minutes=2)
    assert await reading.read_due() == 0, "its mail has started a run, and starts no other"


OF_NOBODY = re.compile(r"alembic_version|audit_.*|budget.*|connector_quarantine|identity_.*|policy_.*|release_routing")
"""Tables about rules, tools and sums, about those who work with Chargehand, and the log, which has its own tests."""

NAMES_AND_TIMES = re.compile(
    r".*_(at|by|due|key|run|hash|agent|revision|version|digest|until|zone|in_by|draft|as|id|to|of)|address|agent|alert|approval|at"
    r"|amount|batch|by|chain|cost|cron|currency|cursor|delivery|digest|each|effect|excluded|field|grant|handed_over"
    r"|holder|hook|id|key|kind|mandate|mapping|model|name|nodes?|outcome|overlap|parent|person|pin|principal|proposal|quorums"
    r"|requester|retry_from|rules|run|scheme|scope|secret|since|state|step|stop|tenant|tier|title|to|tool|total|total_used|until|verdict|version"
)
"""Columns that hold ids, names of things and of people who act, numbers, times."""


def test_every_text_of_every_table_is_accounted_for() -> None:
    """A new column with somebody's words fails here until it is emptied, searched, or said to hold none."""
    known: dict[str, tuple[str, ...]] = {
        **copies.EMPTIED,
        **gateway_copies.EMPTIED,
        **approval_copies.EMPTIED,
        **model_copies.EMPTIED,
    }
    for of, _, columns in copies.MAY_MENTION:
        known[of.name] = (*known.get(of.name, ()), *columns)
    unknown = {
        f"{of.name}.{column.name}"
        for of in metadata().sorted_tables
        if not OF_NOBODY.fullmatch(of.name)
        for column in of.columns
        if str(column.type) in ("VARCHAR", "TEXT")
        and not NAMES_AND_TIMES.fullmatch(column.name)
        and column.name not in known.get(of.name, ())
    }
    assert unknown == set(), "say in the room's copies.py what becomes of these when a person is erased"
