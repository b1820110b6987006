"""The filter language: what it reads, and what it says when it can't."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.audit.filter import And, Between, Compare, Not, Or, Text, Time, parse
from chargehand.errors import BadInput

AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


def micros(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond


DENY = Compare("decision", "=", ("deny",))
TOOL = Compare("tool", "=", ("erp.get_order",))

CASES = {
    "": None,
    "   ": None,
    "decision:deny": DENY,
    "decision = deny": DENY,
    "decision:denied": DENY,
    "decision:已拒绝": DENY,
    "决策:拒绝": DENY,
    "decision != deny": Not(DENY),
    "-decision:deny": Not(DENY),
    "not decision:deny": Not(DENY),
    "decision:deny tool:erp.get_order": And((DENY, TOOL)),
    "decision:deny and tool:erp.get_order": And((DENY, TOOL)),
    "decision:deny or tool:erp.get_order": Or((DENY, TOOL)),
    "not (decision:deny or tool:erp.get_order) late": And((Not(Or((DENY, TOOL))), Text("late"))),
    "tool:erp.get_order decision:deny or late": Or((And((TOOL, DENY)), Text("late"))),
    "decision in (deny, ask)": Compare("decision", "=", ("deny", "ask")),
    "decision:(deny, ask)": Compare("decision", "=", ("deny", "ask")),
    "decision not in (deny, ask)": Not(Compare("decision", "=", ("deny", "ask"))),
    "tool:erp.*": Compare("tool", "=", ("erp.*",)),
    "principal:person:amy": Compare("principal", "=", ("person:amy",)),
    "who:amy": Compare("principal", "=", ("amy",)),
    'order:"SO 1042"': Compare("business_key", "=", ("SO 1042",)),
    r'order:"say \"hi\""': Compare("business_key", "=", ('say "hi"',)),
    "arguments.amount >= 500": Compare("arguments.amount", ">=", ("500",)),
    "arguments.amount:500..1000": Between("arguments.amount", "500", "1000"),
    "arguments.amount:500..": Between("arguments.amount", "500", ""),
    "detail.why ~ stock": Compare("detail.why", "~", ("stock",)),
    "urgent": Text("urgent"),
    '"very urgent"': Text("very urgent", phrase=True),
    "退款": Text("退款"),
    "order": Text("order"),
    "normal notable inner": And((Text("normal"), Text("notable"), Text("inner"))),
    "last 7d": Time(micros(AT - timedelta(days=7)), None),
    "last 90 minutes": Time(micros(AT - timedelta(minutes=90)), None),
    "最近3天": Time(micros(AT - timedelta(days=3)), None),
    "today": Time(micros(datetime(2026, 3, 14, tzinfo=UTC)), None),
    "yesterday": Time(micros(datetime(2026, 3, 13, tzinfo=UTC)), micros(datetime(2026, 3, 14, tzinfo=UTC))),
    "at:2026-03-01": Time(micros(datetime(2026, 3, 1, tzinfo=UTC)), micros(datetime(2026, 3, 2, tzinfo=UTC))),
    "at:2026-03-01..2026-03-05": Time(
        micros(datetime(2026, 3, 1, tzinfo=UTC)), micros(datetime(2026, 3, 6, tzinfo=UTC))
    ),
    "at >= 2026-03-01T08:00:00Z": Time(micros(datetime(2026, 3, 1, 8, tzinfo=UTC)), None),
    "at < 2026-03-01": Time(None, micros(datetime(2026, 3, 1, tzinfo=UTC))),
    "at > now-2h": Time(micros(AT - timedelta(hours=2)) + 1, None),
}


@pytest.mark.parametrize("text", CASES)
def test_a_filter_means(text: str) -> None:
    assert parse(text, at=AT) == CASES[text]


def test_days_begin_in_the_readers_zone() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    assert parse("today", at=AT, zone=shanghai) == Time(micros(datetime(2026, 3, 14, tzinfo=shanghai)), None)
    assert parse("at:2026-03-01", at=AT, zone=shanghai) == Time(
        micros(datetime(2026, 3, 1, tzinfo=shanghai)), micros(datetime(2026, 3, 2, tzinfo=shanghai))
    )


ERRORS = {
    "colour:red": (1, "no field 'colour'", "Fields: at, kind"),
    "decision:maybe": (10, "never 'maybe'", "allow, deny, ask"),
    "decision:deny tool:": (20, "ends too early", "Give a value"),
    "(decision:deny": (15, "ends too early", "close the parenthesis"),
    "decision:deny)": (14, "not understood", "quotation marks"),
    'say "hello': (5, "not closed", 'closing "'),
    "at:soon": (4, "no time", "now-2h"),
    "last 7 parsecs": (1, "no length of time", "7d"),
    "at ~ 2026-03-01": (6, "can't be searched", "range"),
    "decision < (deny, ask)": (13, "list can't be compared", "in (…)"),
    "arguments. > 5": (1, "no field 'arguments.'", "Fields"),
    "x" * 2001: (1, "at most 2000", "Split"),
    "(" * 500 + "a" + ")" * 500: (1, "Too deep", "Simplify"),
}


@pytest.mark.parametrize("text", ERRORS)
def test_a_broken_filter_is_named_with_column_and_way_out(text: str) -> None:
    column, what, way_out = ERRORS[text]
    with pytest.raises(BadInput) as caught:
        parse(text, at=AT)
    assert f"column {column}:" in str(caught.value)
    assert what in str(caught.value)
    assert way_out in caught.value.way_out
    assert caught.value.field == "filter"


def refusal(text: str) -> BadInput | None:
    try:
        parse(text, at=AT)
    except BadInput as error:
        return error
    return None


@given(st.text(max_size=60) | st.text("()\"':<>=~-ab .*,0129notrd", max_size=40))
def test_any_text_either_parses_or_is_refused(text: str) -> None:
    refused = refusal(text)
    assert refused is None or ("column" in str(refused) and refused.way_out)
