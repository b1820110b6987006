"""A tool call as proposed, and the answer when people must be asked first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


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
