"""What HTTP shows and takes of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from chargehand.identity.views import Request
from chargehand.runs.model import DeliveryOutcome, HookScheme, HookState
from chargehand.runs.triggers.mapping import MAX_EXPRESSION

Mapping = dict[str, Annotated[str, StringConstraints(min_length=1, max_length=MAX_EXPRESSION)]]
MAPPING = "Input field → JMESPath expression over the message; empty: the message itself is the input"


class NewHook(Request):
    name: str = Field(min_length=1, max_length=100, examples=["Web shop"])
    agent: str = Field(examples=["complaint-resolution"])
    mapping: Mapping = Field(description=MAPPING, examples=[{"order_number": "order.number", "text": "message"}])
    scheme: HookScheme = Field(
        "standard", description="`standard`: Standard Webhooks; `github`: X-Hub-Signature-256 over the body"
    )
    principal: str = Field(
        "", description="On whose behalf: mine if left out, or a service principal", examples=["service:web-shop"]
    )


class ChangeHook(Request):
    """What is left out stays."""

    name: str = Field("", min_length=1, max_length=100)
    mapping: Mapping = Field(default_factory=dict[str, str], description=MAPPING)


class RotateHook(Request):
    grace_hours: int = Field(0, ge=0, le=168, description="How long the old secret stays good")


class TryMapping(Request):
    agent: str
    mapping: Mapping = Field(description=MAPPING)
    message: str = Field(max_length=256 * 1024, description="The body that a sender would send, as text")


class TriedMapping(BaseModel):
    input: dict[str, Any] = Field(description="What the agent would be started with")


class HookView(BaseModel):
    id: str
    name: str
    path: str = Field(description="Where the sender posts to, on this server", examples=["/hooks/hook_01…"])
    agent: str
    principal: str = Field(description="On whose behalf it starts")
    principal_name: str
    made_by: str
    scheme: HookScheme
    mapping: dict[str, str]
    state: HookState
    secret_number: int = Field(description="Counts its secrets from 1")
    old_secret_until: datetime | None = Field(description="Until then the secret before is good too")
    created_at: datetime
    i_may_edit: bool = Field(description="Change its name and mapping: I made it")


class HookWithSecret(HookView):
    secret: str = Field(description="Shown this once")


class DeliveryView(BaseModel):
    id: str
    at: datetime
    outcome: DeliveryOutcome = Field(description="`repeated`: it had come before; `limited`: too many in a minute")
    status: int = Field(description="What the sender was answered")
    message: str = Field(description="The sender's id for it; empty if the signature was not good")
    why: str = Field(description="Why it was refused; empty for those who may not see payloads")
    run: str
    address: str
    size_bytes: int
