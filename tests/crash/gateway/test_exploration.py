"""No schedule of crashes, lost commits and bad networks doubles, loses or misreports an effect; broken gateways do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chargehand import clock
from chargehand.audit import log
from chargehand.database import Database
from chargehand.gateway import dispatch, gateway, grant, repeat, service, settle
from chargehand.gateway.desk import Case, Desk
from chargehand.gateway.dispatch import Answer
from chargehand.outcome import Failure
from crash.gateway.explorer import explore

DEVIATIONS = os.environ.get("CHARGEHAND_EXPLORE_DEVIATIONS", "")
"""Overrides how many deviations from progress a schedule may have; 3 takes about an hour."""


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    shared = Path("/dev/shm")  # real fsyncs are for the SIGKILL tests; here the order is what counts
    folder = shared if shared.is_dir() else tmp_path_factory.mktemp("explore")
    path = folder / f"explore-{os.getpid()}.db"
    made = Database(f"sqlite:///{path}")
    made.create_schema()
    log.initialise(made)
    yield made
    made.close()
    for left in path.parent.glob(f"{path.name}*"):
        left.unlink()


@pytest.fixture
def patch_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    return lambda now: monkeypatch.setattr(clock, "now", now)


@pytest.mark.parametrize(
    ("tool", "deviations"),
    [
        ("erp.get_order", 1),
        ("erp.set_note", 1),
        ("erp.refund_with_lookup", 1),
        ("erp.refund", 2),
        ("erp.wire", 2),
        ("erp.wire_with_lookup", 2),
    ],
)
def test_every_schedule_keeps_the_promises(db: Database, patch_clock: Any, tool: str, deviations: int) -> None:
    report = explore(db, tool, int(DEVIATIONS or deviations), patch_clock=patch_clock)
    print(tool, report.schedules, dict(report.outcomes))
    assert not report.violations, report.examples


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
