"""Principals. A principal's id says its kind: `person:li.wei`, `service:erp-sync`, `agent:complaint-resolution`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

PrincipalKind = Literal["person", "service", "agent"]

SignInMethod = Literal["password", "token", "oidc", "local"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A person, service or agent that acts, in one tenant."""

    tenant: str
    id: str
    name: str
    kind: PrincipalKind = "person"
    attributes: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A principal and how it proved who it is; the log records both."""

    principal: Principal
    method: SignInMethod
