"""Queries against a plain Python reading of the same records, paging, charts, saved queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chargehand import clock
from chargehand.audit import projection
from chargehand.audit.log import append
from chargehand.audit.model import Record, Who
from chargehand.errors import BadInput, NotFound
from fixtures.audit import TENANT, ActionLog, make_record

NOW = clock.now().replace(microsecond=0)


def made(n: int) -> Record:
    decision = ("allow", "allow", "deny", "ask")[n % 4]
    return make_record(
        at=clock.iso(NOW - timedelta(hours=n)),
        who=Who(principal=f"person:{('amy', 'li', 'max')[n % 3]}", agent="agent:helper" if n % 2 else ""),
        tool=("erp.get_order", "erp.create_credit_note", "mail.send")[n % 3],
        run=f"run_{n % 5}",
        decision=decision,
        outcome="" if decision != "allow" else ("succeeded", "failed")[n % 8 == 0],
        rules=(f"rule-{n % 2}", "base"),
        business_key=f"SO-{1000 + n}",
        arguments={
            "amount": f"{n * 10}.50",
            "note": "退款给李伟 very urgent" if n % 10 == 0 else "an urgent matter",
            "n": n,
        },
    )


RECORDS = [made(n) for n in range(120)]
Holds = Callable[[int, Record], bool]

CASES: dict[str, Holds] = {
    "": lambda n, r: True,
    "decision:deny": lambda n, r: r.decision == "deny",
    "decision:已拒绝": lambda n, r: r.decision == "deny",
    "decision != deny": lambda n, r: r.decision != "deny",
    "decision in (deny, ask) tool:mail.send": lambda n, r: r.decision in ("deny", "ask") and r.tool == "mail.send",
    "tool:erp.*": lambda n, r: r.tool.startswith("erp."),
    "tool:*.send": lambda n, r: r.tool == "mail.send",
    "not tool:erp.* or decision:ask": lambda n, r: r.tool == "mail.send" or r.decision == "ask",
    "principal:amy": lambda n, r: r.who.principal == "person:amy",
    "principal:person:li last 30h": lambda n, r: r.who.principal == "person:li" and n <= 30,
    "agent:helper": lambda n, r: n % 2 == 1,
    "outcome:failed": lambda n, r: r.outcome == "failed",
    "rule:rule-1": lambda n, r: n % 2 == 1,
    "rule:rule*": lambda n, r: True,
    "run:run_3": lambda n, r: n % 5 == 3,
    "order:SO-1007": lambda n, r: n == 7,
    "arguments.amount >= 1100": lambda n, r: n >= 110,
    "arguments.amount:100.50..200.50": lambda n, r: 10 <= n <= 20,
    "arguments.n = 33": lambda n, r: n == 33,
    "arguments.n < 3": lambda n, r: n < 3,
    "arguments.note ~ URGENT": lambda n, r: True,
    "arguments.missing = 1": lambda n, r: False,
    "not arguments.missing = 1": lambda n, r: True,
    "who.principal:person:max": lambda n, r: r.who.principal == "person:max",
    "very": lambda n, r: n % 10 == 0,
    "退款": lambda n, r: n % 10 == 0,
    "李伟 very": lambda n, r: n % 10 == 0,
    '"urgent matter"': lambda n, r: n % 10 != 0,
    '"matter urgent"': lambda n, r: False,
    "urg*": lambda n, r: True,
    "denied": lambda n, r: r.decision == "deny",
    "-urgent": lambda n, r: False,
    "SO-1007": lambda n, r: n == 7,
    "nothing-like-it": lambda n, r: False,
    "(decision:deny or decision:ask) -tool:mail.send last 2d": lambda n, r: (
        r.decision in ("deny", "ask") and r.tool != "mail.send" and n <= 48
    ),
}


@pytest.fixture
def filled(action_log: ActionLog) -> ActionLog:
    action_log.db.write_now(lambda tx: [append(tx, record) for record in RECORDS])
    action_log.add(3, tenant="other")
    return action_log


async def test_every_filter_finds_what_it_says(filled: ActionLog) -> None:
    wrong: dict[str, object] = {}
    for text, holds in CASES.items():
        page = await filled.service.query(TENANT, text, limit=1000)
        expected = [record.id for n, record in enumerate(RECORDS) if holds(n, record)]
        if [item.record.id for item in page.items] != expected:
            wrong[text] = (len(page.items), len(expected))
    assert wrong == {}


async def test_pages_join_without_gap_or_repeat_while_the_log_grows(filled: ActionLog) -> None:
    seen: list[str] = []
    after = None
    while True:
        page = await filled.service.query(TENANT, "urgent", limit=7, after=after)
        seen += [item.record.id for item in page.items]
        filled.add_one(arguments={"note": "urgent news"})
        after = page.next
        if after is None:
            break
    assert seen == [record.id for record in RECORDS]


async def test_a_common_word_is_found_as_a_rare_one_is(filled: ActionLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chargehand.audit.query.COMMON", 5)
    for text in ("urg*", "very", "退款", '"urgent matter"'):
        page = await filled.service.query(TENANT, text, limit=1000)
        assert len(page.items) == sum(CASES[text](n, record) for n, record in enumerate(RECORDS)), text


async def test_one_record_by_id_and_by_number(filled: ActionLog) -> None:
    by_id = await filled.service.record(TENANT, RECORDS[5].id)
    assert by_id.record == RECORDS[5]
    assert await filled.service.record(TENANT, str(by_id.seq)) == by_id
    with pytest.raises(NotFound):
        await filled.service.record("other", RECORDS[5].id)


@pytest.mark.parametrize("filter", ["", "decision:deny", "tool:erp.*", "arguments.n < 60", "urgent"])
async def test_charts_count_as_a_page_does(filled: ActionLog, filter: str) -> None:  # noqa: A002
    page = await filled.service.query(TENANT, filter, limit=1000)
    bars = await filled.service.histogram(TENANT, filter, bucket="day", by="decision", zone=ZoneInfo("Asia/Tokyo"))
    expected: Counter[tuple[datetime, str]] = Counter()
    for item in page.items:
        day = clock.parse(item.record.at).astimezone(ZoneInfo("Asia/Tokyo"))
        expected[day.replace(hour=0, minute=0, second=0, microsecond=0), item.record.decision] += 1
    assert {(bar.start, bar.value): bar.count for bar in bars} == expected
    [facet] = await filled.service.facets(TENANT, filter, fields=["tool"])
    assert dict(facet.values) == Counter(item.record.tool for item in page.items)
    assert facet.complete


async def test_rebuilding_changes_nothing(filled: ActionLog) -> None:
    before = await filled.service.query(TENANT, "very or decision:deny", limit=1000)
    projection.rebuild(filled.db, TENANT)
    assert await filled.service.query(TENANT, "very or decision:deny", limit=1000) == before
    assert len((await filled.service.query("other", "", limit=10)).items) == 3


async def test_saved_queries_are_a_persons_own_or_shared(filled: ActionLog) -> None:
    service = filled.service
    await service.save_query(TENANT, "person:ada", "mine", "decision:deny")
    await service.save_query(TENANT, "", "ours", "last 7d")
    await service.save_query(TENANT, "person:ada", "mine", "decision:ask")
    assert [(q.name, q.filter) for q in await service.saved_queries(TENANT, "person:ada")] == [
        ("mine", "decision:ask"),
        ("ours", "last 7d"),
    ]
    assert [q.name for q in await service.saved_queries(TENANT, "person:li")] == ["ours"]
    assert await service.saved_queries("other", "person:ada") == ()
    with pytest.raises(BadInput):
        await service.save_query(TENANT, "person:ada", "broken", "colour:red")
    with pytest.raises(NotFound):
        await service.delete_query(TENANT, "person:li", "mine")
    await service.delete_query(TENANT, "person:ada", "mine")


async def test_an_editor_is_told_fields_values_and_labels(filled: ActionLog) -> None:
    await filled.service.query(TENANT)
    found = {one.field.name: one for one in await filled.service.completions(TENANT)}
    assert found["tool"].values == ("erp.create_credit_note", "erp.get_order", "mail.send")
    assert "拒绝" in found["decision"].labels["deny"]
    assert found["at"].values == ()


@pytest.mark.parametrize("given", [{"limit": 0}, {"limit": 1001}, {"after": "x"}, {"after": "1.2.3"}])
async def test_bad_bounds_are_named(sqlite_log: ActionLog, given: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        await sqlite_log.service.query(TENANT, **given)  # type: ignore[arg-type]  # that is the test


async def test_days_are_utc_unless_asked_otherwise(sqlite_log: ActionLog) -> None:
    sqlite_log.add_one(at="2026-03-01T23:30:00.000000Z")
    assert len((await sqlite_log.service.query(TENANT, "at:2026-03-01")).items) == 1
    assert len((await sqlite_log.service.query(TENANT, "at:2026-03-01", zone=ZoneInfo("Asia/Shanghai"))).items) == 0
    assert datetime(2026, 3, 1, tzinfo=UTC)
