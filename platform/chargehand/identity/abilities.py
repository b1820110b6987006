"""What a person may do in Chargehand itself, beside what agents may do with tools.

Abilities are granted by policy to roles like tools are: as the tool `chargehand.<ability>`. What policy does not grant
is refused.
"""

from __future__ import annotations

from typing import Literal, Protocol, get_args

from chargehand.identity.model import Principal, SignedIn

Ability = Literal[
    "read_runs",  # see everybody's runs, not only one's own
    "see_payloads",  # see arguments and results in runs of others
    "steer_runs",  # stop and retry runs of others
    "manage_hooks",  # let webhooks and messages from outside start agents
    "give_verdict",  # answer approval requests (which ones: the approval rules say)
    "give_mandate",  # pre-approve, capped and expiring
    "read_log",
    "export_log",
    "erase_subject",
    "read_policy",
    "draft_policy",
    "activate_policy",
    "read_connectors",
    "review_pins",  # accept a changed tool definition
    "review_agents",  # answer for having looked at a version of an agent
    "try_tools",  # call a read tool by hand, through the gateway
    "freeze",
    "reconcile",  # say what became of a call in doubt
    "handle_alerts",
    "read_people",
    "manage_people",
    "set_attributes",  # say what policy's conditions may read of people
    "read_usage",
]

ABILITIES: tuple[Ability, ...] = get_args(Ability)

READING: frozenset[Ability] = frozenset(
    {
        "read_runs",
        "see_payloads",
        "read_log",
        "read_policy",
        "read_connectors",
        "read_people",
        "read_usage",
        "try_tools",
    }
)
"""Abilities that change nothing: policy sees them with the effect `read`, all others with `write`."""


class Abilities(Protocol):
    """Who may do what; answered by policy (see `api.abilities`)."""

    def may(self, who: SignedIn, ability: Ability) -> bool:
        """Whether policy grants it to the person, and the credential is not narrower."""
        ...

    def of(self, principal: Principal) -> list[Ability]:
        """All that policy grants to a person now."""
        ...

    def roles_of(self, principal: Principal) -> list[str]: ...
