"""Abilities are decided by the same policy as tool calls: as the tool `chargehand.<ability>`, for the person alone."""

from __future__ import annotations

from typing import Protocol

from chargehand import clock
from chargehand.identity.abilities import ABILITIES, READING, Ability
from chargehand.identity.model import Principal, SignedIn
from chargehand.policy.model import Decision, Request


class Policy(Protocol):
    """The part of the policy service that is asked here."""

    def decide(self, request: Request) -> Decision: ...

    def roles_of(self, tenant: str, principal: str) -> frozenset[str]: ...


class PolicyAbilities:
    """Answers by the policy in force at the moment of asking; `ask` counts as no."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def may(self, who: SignedIn, ability: Ability) -> bool:
        narrowed = who.abilities is not None and ability not in who.abilities
        return not narrowed and self._grants(who.principal, ability)

    def of(self, principal: Principal) -> list[Ability]:
        return [ability for ability in ABILITIES if self._grants(principal, ability)]

    def roles_of(self, principal: Principal) -> list[str]:
        return sorted(self._policy.roles_of(principal.tenant, principal.id))

    def _grants(self, principal: Principal, ability: Ability) -> bool:
        request = Request(
            tenant=principal.tenant,
            chain=(principal.id,),
            tool=f"chargehand.{ability}",
            effect="read" if ability in READING else "write",
            arguments={},
            at=clock.now(),
            attributes={principal.id: principal.attributes},
        )
        return self._policy.decide(request).verdict == "allow"
