"""A tool call as proposed, as stored, and the answer when people must be asked first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict

from chargehand.connectors.model import Delivery
from chargehand.outcome import Failure, Outcome
from chargehand.policy.model import Effect

CallState = Literal["proposed", "waiting", "dispatched", "in_doubt", "done"]
"""proposed: provably not sent; waiting: for people; dispatched: sent, and no answer settled; done: it ended."""


class ToolCall(BaseModel):
    """A proposal to use a tool.

    `key` never changes across retries: it is derived from run and position. Who acts, for whom and in which tenant is
    not the caller's to say: the gateway takes it from the run (or from the token of an MCP client).
    """

    model_config = ConfigDict(frozen=True)

    tenant: str
    run: str
    key: str
    chain: tuple[str, ...]
    tool: str
    arguments: dict[str, Any]
    agent: str = ""
    agent_version: str = ""
    step: str = ""
    business_key: str = ""


class ApprovalNeeded(BaseModel):
    """The call waits for people. Call again with the same ToolCall when the request is closed or expired."""

    model_config = ConfigDict(frozen=True)

    approval: str
    sentence: str
    expires_at: datetime
    remind_at: datetime | None = None
    escalate_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredCall:
    """One row of the call table. `exact` is the canonical JSON (RFC 8785) that `digest` (SHA-256, hex) covers.

    `attempts` counts the messages that may have reached the system; it falls back to 0 when the only one provably did
    not. `alive_until` is when the last of them is certainly dead, `earlier_alive_until` the same for all but the last.
    """

    tenant: str
    key: str
    run: str
    chain: tuple[str, ...]
    agent: str
    agent_version: str
    step: str
    business_key: str
    tool: str
    effect: Effect
    delivery: Delivery
    pin: str
    exact: str
    digest: str
    sentence: str
    verdict: str
    rules: tuple[str, ...]
    policy_revision: str
    state: CallState
    outcome: str
    result: str
    result_digest: str
    failure: Failure | None
    approval: str
    grant: str
    mandate: str
    attempts: int
    fence: int
    holder: str
    lease_until: datetime | None
    first_sent_at: datetime | None
    alive_until: datetime | None
    earlier_alive_until: datetime | None
    proposed_at: datetime
    settled_at: datetime | None
    finding: str

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(orjson.loads(self.exact)["arguments"]) if self.exact else {}

    @property
    def connector(self) -> str:
        return self.tool.partition(".")[0]

    def as_call(self) -> ToolCall:
        """The proposal again, from the bytes that were recorded."""
        return ToolCall(
            tenant=self.tenant,
            run=self.run,
            key=self.key,
            chain=self.chain,
            tool=self.tool,
            arguments=self.arguments,
            agent=self.agent,
            agent_version=self.agent_version,
            step=self.step,
            business_key=self.business_key,
        )

    def as_outcome(self) -> Outcome:
        """How it ended, for a call that is done or in doubt."""
        if self.state == "in_doubt":
            return Outcome(state="in_doubt", tool=self.tool, call_key=self.key, failure=self.failure)
        value = orjson.loads(self.result) if self.result else None
        return Outcome.model_validate(
            {
                "state": self.outcome,
                "tool": self.tool,
                "call_key": self.key,
                "value": value,
                "failure": self.failure,
            }
        )
