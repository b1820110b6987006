"""What a run may use of models. Reserved before a question leaves, for question and answer, so that it is never passed.

Several calls of a run may ask at once, on several gateway workers: reservations are rows, written one run at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from chargehand.database import Transaction
from chargehand.errors import BadInput
from chargehand.models import store
from chargehand.models.model import Limits, ModelRequest, Used
from chargehand.models.prices import MILLION, Price

ANSWER_TOKENS = 4096
"""The most that is reserved for one answer; less where the budget has less."""
LEAST_ANSWER_TOKENS = 16
BYTES_A_TOKEN = 3
"""Fewer than any usual tokenizer needs for a token of English, and about one character of Chinese."""
_WAY_OUT = "Raise the agent's budget."


@dataclass(frozen=True, slots=True)
class Room:
    """How long the answer may be."""

    answer_tokens: int


def tokens_of(question: bytes) -> int:
    """About as many tokens as the question has, rather too many than too few."""
    return ceil(len(question) / BYTES_A_TOKEN)


def reserve(tx: Transaction, request: ModelRequest, question: bytes, price: Price | None) -> Room:
    """Reserve question and answer under the call's key; asking again replaces the reservation.

    Raises:
        BadInput: as `room`. Nothing is reserved.
    """
    store.lock_run(tx, request.tenant, request.run)
    used = store.used_and_reserved(tx.connection, request.tenant, request.run, but=request.key)
    found = room(request.limits, used, question, price)
    asked = tokens_of(question)
    cost = price.of(asked, found.answer_tokens) if price else Decimal(0)
    store.reserve(tx, request.tenant, request.run, request.key, tokens=asked + found.answer_tokens, cost=cost)
    return found


def room(limits: Limits, used: Used, question: bytes, price: Price | None) -> Room:
    """What is left for the answer.

    Raises:
        BadInput: the run's budget has no room for the question; names the field of the budget.
    """
    if limits.calls is not None and used.calls >= limits.calls:
        raise _no(f"the run may ask models {limits.calls} times, and it has", "model_calls")
    asked, answer = tokens_of(question), ANSWER_TOKENS
    if limits.tokens is not None:
        answer = min(answer, limits.tokens - used.tokens - asked)
        if answer < LEAST_ANSWER_TOKENS:
            raise _no(
                f"the run may use {limits.tokens} tokens, {used.tokens} are used or reserved; this asks about {asked}",
                "tokens",
            )
    if limits.cost is not None:
        if price is None:
            raise _no("no price is known for the model, so a budget in money can't be kept", "cost")
        left = limits.cost - used.cost - price.of(asked, 0)
        if price.answered:
            answer = min(answer, int(left * MILLION / price.answered))
        if left < 0 or answer < LEAST_ANSWER_TOKENS:
            raise _no(f"the run may spend {limits.cost} USD on models, and {used.cost} are spent or reserved", "cost")
    return Room(answer)


def _no(detail: str, field: str) -> BadInput:
    return BadInput(detail, field=f"budget.{field}", way_out=_WAY_OUT)
