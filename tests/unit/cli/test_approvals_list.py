"""What waits for a decision is read on a terminal of 80 columns as on a wide one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from chargehand import clock, ids
from chargehand.approvals.views import ApprovalPage, ApprovalSummary, Quorum
from chargehand.cli import approvals, show

SENTENCE = "Refund 12,480.00 EUR to Nordlicht Anlagenbau GmbH & Co. KG for order SO-1042 [urgent]"
List = Callable[[int, ApprovalSummary], list[str]]


def request(**change: Any) -> ApprovalSummary:
    now = clock.now()
    summary = ApprovalSummary(
        id=ids.new_id("apr"),
        state="pending",
        sentence=SENTENCE,
        digest="0" * 64,
        tool="erp.create_credit_note",
        effect="irreversible",
        agent="complaint-resolution",
        run=ids.new_id("run"),
        requester="person:amy",
        requester_name="Amy Chen",
        risk="medium",
        created_at=now,
        expires_at=now + timedelta(hours=23, minutes=30),
        quorums=[Quorum(role="customer-service-lead", needed=1, given=0), Quorum(role="finance", needed=1, given=0)],
        i_may_answer=True,
    )
    return summary.model_copy(update=change)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> List:
    """The lines that the command prints at a width; the API is stood in for by its own answer."""

    def run(width: int, *found: ApprovalSummary) -> list[str]:
        page = ApprovalPage(items=list(found), next=None, waiting_for_me=len(found))

        class Answer:
            def __enter__(self) -> Answer:
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def get(self, *_: object, **__: object) -> ApprovalPage:
                return page

        monkeypatch.setattr(approvals, "Api", Answer)
        monkeypatch.setattr(show.out, "width", width)
        said = CliRunner().invoke(approvals.app, ["list"])
        assert said.exit_code == 0, said.output
        return said.output.splitlines()

    return run


def test_a_request_is_read_at_80_columns(listed: List) -> None:
    one = request()
    lines = listed(80, one)
    assert max(map(cell_len, lines)) <= 80
    assert lines[0].split("  ") == [one.id, "… pending", "medium risk", "time left: 23 h"]
    assert " ".join(line.strip() for line in lines[1:]) == (
        f"{SENTENCE} asked by Amy Chen · needs customer-service-lead 0/1, finance 0/1 · you may answer"
    ), "no word is broken, and nothing is left out"
    assert all(line.startswith("  ") for line in lines[1:])


def test_chinese_is_wrapped_by_what_it_takes_on_the_screen(listed: List) -> None:
    lines = listed(
        80,
        request(
            sentence="为订单 SO-1042 向北方设备安装有限公司退款 12,480.00 元，货物在运输途中受损，客户要求尽快处理"
        ),
    )
    assert max(map(cell_len, lines)) <= 80


def test_requests_stand_apart_and_one_that_is_closed_asks_nobody(listed: List) -> None:
    closed = request(state="approved", i_may_answer=False)
    only = request(i_may_only_deny=True)
    lines = listed(120, closed, only)
    assert lines[0] == f"{closed.id}  ✓ approved  medium risk"
    assert lines[2:4] == ["  asked by Amy Chen", ""]
    assert lines[-1].endswith("· you may only deny")


def test_nothing_is_said_to_be_nothing(listed: List) -> None:
    assert listed(80) == ["Nothing waits for a decision."]
