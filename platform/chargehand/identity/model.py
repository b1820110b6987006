"""Principals. A principal's id says its kind: `person:li.wei`, `service:erp-sync`, `agent:complaint-resolution`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

PrincipalKind = Literal["person", "service", "agent"]

SignInFact = Literal[
    "signed_in",
    "refused",
    "signed_out",
    "token_created",
    "token_revoked",
    "person_added",
    "person_changed",
    "attributes_changed",
]

SignInMethod = Literal["password", "token", "oidc", "local"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A person, service or agent that acts, in one tenant. Conditions of policy may read its `attributes`."""

    tenant: str
    id: str
    name: str
    kind: PrincipalKind = "person"
    attributes: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A principal and how it proved who it is; the log records both.

    A token may narrow what its owner can do (`abilities`, `tools`); None narrows nothing. `credential` is the id of the
    session or token row, never the secret.
    """

    principal: Principal
    method: SignInMethod
    abilities: frozenset[str] | None = None
    tools: tuple[str, ...] | None = None
    credential: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class User:
    """One who can sign in, without the password."""

    principal: Principal
    login: str
    active: bool
    created_at: datetime
    last_sign_in_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as its owner sees it afterwards: the secret itself is nowhere kept."""

    id: str
    tenant: str
    owner: str
    name: str
    abilities: frozenset[str] | None
    tools: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One attribute of a person before and after; None: absent."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class SignInEvent:
    """What the action log is told: a sign-in that worked or failed, a sign-out, a token made or revoked, a person
    added or changed. For a failure nobody says whether such a person exists."""

    tenant: str
    principal: str
    what: SignInFact
    method: SignInMethod
    at: datetime
    address: str = ""
    detail: str = ""
    attributes: tuple[AttributeChange, ...] = ()
