"""What HTTP shows and takes of sign-in, tokens and people."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chargehand.identity.abilities import Ability
from chargehand.identity.model import PrincipalKind, SignInMethod


class Request(BaseModel):
    """Base of what clients send: a field that we don't know is an error, not a surprise."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SignIn(Request):
    name: str = Field(min_length=1, max_length=100, description="Sign-in name, e.g. `amy`", examples=["amy"])
    password: SecretStr = Field(min_length=1, max_length=200)
    tenant: str = Field("", max_length=100, description="Only where one installation serves several tenants")
    host_cookie: bool = Field(
        False, description="Over http on loopback: set the `__Host-` cookie; the client takes Secure cookies there"
    )


class Me(BaseModel):
    """Who is signed in, and what they may do here."""

    tenant: str
    principal: str = Field(description="e.g. `person:amy`")
    name: str
    method: SignInMethod
    roles: list[str]
    abilities: list[Ability]
    expires_at: datetime | None = None


class NewToken(Request):
    name: str = Field(min_length=1, max_length=100, description="What it is for")
    days: int = Field(30, ge=1, le=366, description="Days until it expires")
    abilities: list[Ability] | None = Field(None, description="Narrow it to these; absent: all that its owner may do")
    tools: list[str] | None = Field(
        None, description="Narrow MCP use to these tools (`erp.*` is a pattern); absent: all that its owner may use"
    )


class Token(BaseModel):
    id: str
    name: str
    owner: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    abilities: list[str] | None
    tools: list[str] | None


class CreatedToken(Token):
    secret: str = Field(description="Shown once; only its hash is kept")


class Person(BaseModel):
    principal: str
    name: str
    kind: PrincipalKind
    roles: list[str]
    abilities: list[Ability]
    attributes: dict[str, str] = Field(description="What conditions of the policy may read as `person.<name>`")
    active: bool
    last_sign_in_at: datetime | None


class NewPerson(Request):
    login: str = Field(pattern=r"^[a-z][a-z0-9.\-]{0,62}$", description="Becomes `person:<login>`")
    name: str = Field(min_length=1, max_length=200)
    password: SecretStr = Field(min_length=12, max_length=200)


class ChangedPerson(Request):
    name: str | None = Field(None, min_length=1, max_length=200)
    active: bool | None = None
    password: SecretStr | None = Field(None, min_length=12, max_length=200)


class ChangedAttributes(Request):
    attributes: dict[str, str | None] = Field(
        min_length=1,
        max_length=64,
        description="By name; null takes one away, what is not named stays",
        examples=[{"department": "finance", "region": None}],
    )


class Role(BaseModel):
    name: str
    title: str
    holders: list[str]
