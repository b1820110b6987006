"""Gateways that are broken in one place are found out by the same exploration that finds nothing in the real one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargehand import clock
from chargehand.database import Database
from chargehand.gateway import dispatch, gateway, grant, repeat, service, settle
from chargehand.gateway.desk import Case, Desk
from chargehand.gateway.dispatch import Answer
from chargehand.outcome import Failure
from crash.gateway.explorer import explore


def _no_intent(patch: pytest.MonkeyPatch) -> None:
    def send(tx: Any, desk: Desk, case: Case, known: Any, used: Any) -> Case:
        return replace(case, fence=1, deadline=case.at + desk.call_time)

    patch.setattr(grant, "_send", send)


def _repeat_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(repeat, "_repeatable", lambda *_: True)


def _key_per_attempt(patch: pytest.MonkeyPatch) -> None:
    real = dispatch._send

    async def send(desk: Desk, case: Case) -> Answer:
        return await real(
            desk, replace(case, call=case.call.model_copy(update={"key": f"{case.call.key}/{case.fence}"}))
        )

    patch.setattr(dispatch, "_send", send)


def _answer_instead_of_unclear(patch: pytest.MonkeyPatch, kind: Any) -> None:
    real = dispatch._send

    async def send(desk: Desk, case: Case) -> Answer:
        answer = await real(desk, case)
        if answer.kind == "unclear":
            return Answer(kind, failure=Failure(kind="unknown", detail="no answer"))
        return answer

    patch.setattr(dispatch, "_send", send)


def _timeout_is_failure(patch: pytest.MonkeyPatch) -> None:
    _answer_instead_of_unclear(patch, "failed")


def _timeout_is_not_sent(patch: pytest.MonkeyPatch) -> None:
    _answer_instead_of_unclear(patch, "not_sent")


def _keys_live_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(repeat, "KEY_WINDOW", timedelta(days=3650))
    patch.setattr(grant, "KEY_WINDOW", timedelta(days=3650))


def _people_need_not_wait(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service, "dead", lambda *_, **__: True)


def _absence_judged_when_settled(patch: pytest.MonkeyPatch) -> None:
    real = settle._looked_up
    patch.setattr(settle, "_looked_up", lambda tx, known, answer, _asked: real(tx, known, answer, clock.now()))


def _absence_believed_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settle, "dead", lambda *_, **__: True)


def _repetition_ends_the_call(patch: pytest.MonkeyPatch) -> None:
    def repeated(tx: Any, known: Any, answer: Answer, _asked: Any) -> Any:
        if answer.kind == "not_sent":
            return settle.reopen(tx, known, answer.detail)
        return settle.finish(tx, known, "failed", failure=answer.failure)

    patch.setattr(settle, "_repeated", repeated)


def _giving_up_is_failing(patch: pytest.MonkeyPatch) -> None:
    failure = Failure(kind="unknown", detail="gave up")
    patch.setattr(gateway, "doubt", lambda tx, known, why: settle.finish(tx, known, "failed", failure=failure))


def _sent_after_the_deadline(patch: pytest.MonkeyPatch) -> None:
    class Stopped:
        now = staticmethod(lambda: datetime.min.replace(tzinfo=UTC))

    patch.setattr(dispatch, "clock", Stopped)


def _nothing(patch: pytest.MonkeyPatch) -> None:
    del patch


@pytest.mark.parametrize(
    ("mutate", "tool", "mutations"),
    [
        (_no_intent, "erp.wire", ""),
        (_repeat_once, "erp.wire", ""),
        (_key_per_attempt, "erp.refund", ""),
        (_timeout_is_failure, "erp.refund", ""),
        (_timeout_is_failure, "erp.wire", ""),
        (_timeout_is_not_sent, "erp.wire", ""),
        (_keys_live_for_ever, "erp.refund", ""),
        (_people_need_not_wait, "erp.wire", ""),
        (_absence_judged_when_settled, "erp.wire_with_lookup", ""),
        (_absence_believed_at_once, "erp.wire_with_lookup", ""),
        (_repetition_ends_the_call, "erp.refund", ""),
        (_giving_up_is_failing, "erp.wire", ""),
        (_sent_after_the_deadline, "erp.wire", ""),
        (_nothing, "erp.wire", "commit_errors_ignored"),
        (_nothing, "erp.refund", "no_deadline"),
    ],
)
def test_a_broken_gateway_is_found_out(
    db: Database, patch_clock: Any, monkeypatch: pytest.MonkeyPatch, mutate: Any, tool: str, mutations: str
) -> None:
    mutate(monkeypatch)
    report = explore(
        db,
        tool,
        2,
        patch_clock=patch_clock,
        stop_at_violation=True,
        mutations=frozenset({mutations} - {""}),
    )
    print(mutate.__name__, mutations, report.schedules, dict(report.violations))
    assert report.violations
