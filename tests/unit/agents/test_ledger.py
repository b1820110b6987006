"""The ledger of leaves: nothing twice when a node runs again, everything anew when it is retried."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chargehand.agents.ledger import Ledger, Slot


def ask(ledger: Ledger, leaf: str, *, task: str = "t", attempt: int = 1) -> Slot:
    return ledger.slot(task, attempt, leaf)


@given(st.lists(st.sampled_from("abc"), max_size=8), st.integers(0, 8))
def test_a_node_that_runs_again_after_an_interrupt_gets_its_answers(leaves: list[str], settled: int) -> None:
    ledger = Ledger()
    first = [ask(ledger, leaf) for leaf in leaves]
    for slot in first[:settled]:
        slot.settle(slot.position)
    ledger.resumed()
    again = [ask(ledger, leaf) for leaf in leaves]
    assert [slot.position for slot in again] == [slot.position for slot in first]
    assert [slot.settled for slot in again] == [n < settled for n in range(len(leaves))]
    assert ledger.next_position == len(leaves)


def test_what_follows_another_way_is_new() -> None:
    ledger = Ledger()
    for leaf in "abc":
        ask(ledger, leaf).settle(leaf)
    ledger.resumed()
    assert ask(ledger, "a").settled
    other = ask(ledger, "x")
    assert (other.settled, other.position) == (False, 3)
    assert not ask(ledger, "c").settled


def test_what_was_done_at_once_may_come_in_another_order() -> None:
    ledger = Ledger()
    for leaf in "abcb":
        ask(ledger, leaf).settle(leaf)
    ledger.resumed()
    assert [ask(ledger, leaf).position for leaf in "bcabx"] == [1, 2, 0, 3, 4]


def test_a_retried_node_does_it_anew() -> None:
    ledger = Ledger()
    ask(ledger, "a").settle(1)
    assert not ask(ledger, "a", attempt=2).settled


def test_what_took_effect_is_not_done_again_by_another_attempt_each_time_once() -> None:
    ledger = Ledger()
    for leaf, lasts in (("pay", True), ("pay", True), ("read", False)):
        ask(ledger, leaf).settle(leaf, lasts=lasts)
    ledger = Ledger.load(ledger.dump())
    ledger.generation = -1  # the same history goes on: LangGraph counts on from there
    again = [ask(ledger, leaf, attempt=2) for leaf in ("read", "pay", "pay", "pay")]
    assert [(slot.settled, slot.position) for slot in again] == [(False, 3), (True, 0), (True, 1), (False, 4)]
    ledger = Ledger.load(ledger.dump())
    ledger.generation = -1
    assert [ask(ledger, "pay", attempt=3).position for _ in range(3)] == [0, 1, 5]


@given(st.lists(st.tuples(st.sampled_from("tuv"), st.sampled_from("ab")), max_size=20))
def test_positions_count_up_whichever_task_asks(asked: list[tuple[str, str]]) -> None:
    ledger = Ledger()
    assert [ask(ledger, leaf, task=task).position for task, leaf in asked] == list(range(len(asked)))


def test_a_task_that_is_done_is_forgotten() -> None:
    ledger = Ledger()
    ask(ledger, "a").settle(1)
    ledger.forget("t")
    assert ask(ledger, "a").position == 1
