"""What every stage works with: the desk (who decides, who is called, the limits) and the case (one call's progress).

A stage is `stage(tx, desk, case) -> Case | Stop`. It adds to the case what it found, or stops with the answer; it never
changes what an earlier stage found. `Stop` is returned, not raised, because what the stages wrote must be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from chargehand.approvals.model import ApprovalRequest
from chargehand.approvals.quorum import Roles
from chargehand.connectors.model import Pin, ToolResult
from chargehand.database import Transaction
from chargehand.errors import ChargehandError
from chargehand.gateway.model import ApprovalNeeded, StoredCall, ToolCall
from chargehand.outcome import Failure, Outcome
from chargehand.policy.model import Decision, Request
from chargehand.risk.signals import Assessment

LEASE_MARGIN = timedelta(seconds=2)
"""How long after its deadline a dispatch may still be settling."""

MESSAGE_LIFE = timedelta(seconds=60)
"""How long after its deadline a message may still arrive at a system that does not refuse late ones."""

KEYED_SKEW = timedelta(seconds=10)
"""The same for a keyed connector, which refuses after the deadline: the difference of two clocks."""

KEY_WINDOW = timedelta(hours=20)
"""How long a keyed call may be repeated. Connectors keep a key for a day or longer."""


class Policy(Roles, Protocol):
    """What the gateway asks of policy."""

    def decide(self, request: Request) -> Decision: ...

    def authors_of(self, tenant: str, revision: str) -> tuple[str, ...]: ...


class Pins(Protocol):
    """Reviewed definitions by tool name; None: never reviewed, so never called."""

    def get(self, tool: str) -> Pin | None: ...


class Connectors(Protocol):
    """The only way out; see `connectors.pool`.

    Raises:
        ConnectorUnavailable: provably not sent.
        Quarantined: provably not sent; the live definition differs from the pin.
        Ambiguous: anything else without a clear answer.
    """

    async def call(self, tool: str, arguments: dict[str, Any], *, key: str, deadline: datetime) -> ToolResult: ...


def _no_owner(agent: str) -> str:
    del agent
    return ""


def _no_amounts(agent: str) -> Mapping[str, Decimal]:
    del agent
    return {}


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything but the database. `holder`: this process in leases; `call_time`: time-out of one attempt."""

    policy: Policy
    pins: Pins
    connectors: Connectors
    holder: str
    call_time: timedelta = timedelta(seconds=30)
    owner_of: Callable[[str], str] = _no_owner
    amounts_of: Callable[[str], Mapping[str, Decimal]] = _no_amounts
    """How much money one run of an agent may move, by currency."""


@dataclass(frozen=True, slots=True)
class Case:
    """One call on its way through the stages.

    `arguments` are read back from `exact`, so that what is decided, shown and sent is what the digest covers.
    `look_up`: do not send, ask the system for the effect by key.
    """

    call: ToolCall
    at: datetime
    pin: Pin | None = None
    exact: str = ""
    digest: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    problem: Failure | None = None
    known: StoredCall | None = None
    decision: Decision | None = None
    risk: Assessment | None = None
    approval: ApprovalRequest | None = None
    mandate: str = ""
    fence: int = 0
    deadline: datetime | None = None
    look_up: bool = False

    @property
    def sent(self) -> bool:
        """Whether a message may already have reached the system."""
        return self.known is not None and self.known.state == "dispatched"


@dataclass(frozen=True, slots=True)
class Stop:
    """The answer to the caller; an error is raised once the transaction is durable."""

    answer: Outcome | ApprovalNeeded | ChargehandError

    def give(self) -> Outcome | ApprovalNeeded:
        if isinstance(self.answer, ChargehandError):
            raise self.answer
        return self.answer


Stage = Callable[[Transaction, Desk, Case], Case | Stop]
