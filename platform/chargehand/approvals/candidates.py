"""To whom a person may hand a request over. A pure function of the request and the roles in force."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from chargehand.approvals.model import ApprovalRequest
from chargehand.approvals.quorum import Roles, eligibility, seat_roles


def candidates(
    request: ApprovalRequest, roles: Roles, giver: str, people: Iterable[str], at: datetime
) -> list[tuple[str, frozenset[str]]]:
    """Those of `people` who could answer in the giver's place, with the roles of the request that each holds.

    Whoever asked for it, owns the agent, wrote the policy or has answered already is none of them. Holders of a role
    that is asked for come first, then by name.
    """

    def could(person: str) -> bool:
        handed = replace(request, handed_over=(*request.handed_over, (giver, person)))
        return person not in (giver, request.requester) and eligibility(handed, roles, person, (), at).may

    found = [(person, seat_roles(request, roles, person)) for person in people if could(person)]
    return sorted(found, key=lambda each: (not each[1], each[0]))
