"""A run's events folded into steps and nodes: the same from any point of resumption, closed when the run is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chargehand.runs.model import RunEvent
from chargehand.runs.story import HIDDEN, OPEN, Story

BEGAN = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def events(*told: tuple[str, str, dict[str, Any]]) -> list[RunEvent]:
    return [
        RunEvent("run_1", seq, BEGAN + timedelta(seconds=seq), kind, step, data)
        for seq, (kind, step, data) in enumerate(told, 1)
    ]


REFUND = events(
    ("run.started", "", {}),
    ("node.started", "refund", {"node": "refund"}),
    ("call.proposed", "refund", {"tool": "erp.create_credit_note", "arguments": {"amount": "1280.00"}, "position": 0}),
    ("call.asked", "refund", {"id": "apr_1", "sentence": "Refund 1280.00", "position": 0}),
    ("call.closed", "refund", {"approval": "apr_1", "position": 0}),
    ("call.settled", "refund", {"state": "succeeded", "value": {"number": "CN-1"}, "call_key": "k", "position": 0}),
    ("model.asked", "refund", {"tier": "light", "position": 1}),
    ("model.answered", "refund", {"position": 1, "tokens_in": 10, "tokens_out": 5, "cost": "0.01", "currency": "USD"}),
    ("node.finished", "refund", {"node": "refund"}),
    ("run.succeeded", "", {"result": {}}),
)


def test_a_refund_that_waited_for_people() -> None:
    waiting = Story.of(REFUND[:4])
    assert waiting.nodes["refund"].state == "waiting"
    (call,) = [step for step in waiting.steps.values() if step.kind == "tool"]
    assert (call.state, call.approval, call.decision) == ("waiting", "apr_1", "ask")
    done = Story.of(REFUND)
    call = done.steps[3]
    assert (call.state, call.result, call.decision) == ("succeeded", {"number": "CN-1"}, "ask")
    assert (done.nodes["refund"].state, done.nodes["refund"].visits) == ("succeeded", 1)
    assert done.tokens == 15
    assert done.cost is not None
    assert done.cost.amount == "0.01"


def test_who_may_not_see_payloads_sees_that_something_was_sent() -> None:
    call = Story.of(REFUND, payloads=False).steps[3]
    assert call.arguments == {"amount": HIDDEN}
    assert call.result == {"number": HIDDEN}


def test_a_denied_call_and_a_loop() -> None:
    story = Story.of(
        events(
            ("node.started", "ask", {"node": "ask"}),
            ("node.finished", "ask", {"node": "ask"}),
            ("node.started", "ask", {"node": "ask"}),
            ("call.proposed", "ask", {"tool": "erp.x", "arguments": {}, "position": 0}),
            ("call.settled", "ask", {"state": "denied", "failure": {"detail": "No rule."}, "position": 0}),
        )
    )
    assert story.nodes["ask"].visits == 2
    call = next(step for step in story.steps.values() if step.kind == "tool")
    assert (call.state, call.decision, call.detail) == ("denied", "deny", "No rule.")


Told = tuple[str, str, dict[str, Any]]


def test_a_node_that_was_sent_out_twice_at_once_runs_until_both_are_done() -> None:
    both = events(
        ("node.started", "ask", {"node": "ask", "task": "1"}),
        ("node.started", "ask", {"node": "ask", "task": "2"}),
        ("node.finished", "ask", {"node": "ask", "task": "1"}),
        ("node.finished", "ask", {"node": "ask", "task": "2"}),
    )
    assert [Story.of(both[:count]).nodes["ask"].state for count in (2, 3, 4)] == ["running", "running", "succeeded"]
    assert Story.of(both).nodes["ask"].visits == 2


PLACES = st.sampled_from(["a", "b", "a/c"])
POSITIONS = st.integers(0, 4)
TOLD = st.one_of(
    st.tuples(st.sampled_from(["node.started", "node.finished", "node.failed", "node.waiting"]), PLACES, st.just({})),
    st.tuples(
        st.sampled_from(["call.proposed", "call.asked", "call.closed", "call.retry", "call.in_doubt"]),
        PLACES,
        POSITIONS.map(lambda at: {"tool": "erp.x", "arguments": {}, "position": at}),
    ),
    st.tuples(st.just("call.settled"), PLACES, POSITIONS.map(lambda at: {"state": "failed", "position": at})),
    st.tuples(st.sampled_from(["model.asked", "model.answered"]), PLACES, POSITIONS.map(lambda at: {"position": at})),
    st.tuples(st.sampled_from(["person.asked", "person.answered", "person.expired"]), PLACES, st.just({"task": "t"})),
    st.tuples(st.sampled_from(["timer.started", "timer.fired", "note", "custom", "undo.started"]), PLACES, st.just({})),
)


@given(st.lists(TOLD, max_size=40))
def test_any_events_fold_and_the_end_of_the_run_closes_what_was_open(
    told: list[tuple[str, str, dict[str, Any]]],
) -> None:
    story = Story.of(events(*told, ("run.stopped", "", {"reason": "x"})))
    assert not [step for step in story.steps.values() if step.state in OPEN or step.ended_at is None]
    assert not [node for node in story.nodes.values() if node.state in OPEN]
    assert list(story.steps) == sorted(story.steps)
