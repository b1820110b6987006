"""Who may answer, and whether enough different people have. Pure functions of request, verdicts and roles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chargehand.approvals.model import Absence, ApprovalRequest, Verdict
from chargehand.policy.model import ApprovalRule


class Roles(Protocol):
    """What approvals ask of policy."""

    def approval_rule(self, tenant: str, name: str) -> ApprovalRule: ...

    def roles_of(self, tenant: str, principal: str) -> frozenset[str]: ...

    def holders_of(self, tenant: str, role: str) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whether a person may answer now. `authority` is the person, or the one whose place is taken.

    `only_deny`: enough of the person's roles have approved, so that only a denial would count; `why_not` then says so.
    """

    may: bool
    why_not: str = ""
    authority: str = ""
    only_deny: bool = False

    @property
    def wanted(self) -> bool:
        """Whether the request waits for this person."""
        return self.may and not self.only_deny


def merged(rules: Iterable[ApprovalRule]) -> tuple[tuple[str, int], ...]:
    """The quorums that satisfy all rules at once: for each role the largest count that one of them wants."""
    counts: dict[str, int] = {}
    for rule in rules:
        for quorum in rule.quorums:
            counts[quorum.role] = max(counts.get(quorum.role, 0), quorum.count)
    return tuple(sorted(counts.items()))


def met(quorums: Sequence[tuple[str, int]], roles: Sequence[frozenset[str]]) -> bool:
    """Whether every seat can be given to a different voter, `roles` being what each voter holds.

    No quorum at all is not met: absence denies.
    """
    needed = sum(count for _, count in quorums)
    return needed > 0 and seated(quorums, roles) == needed


def seated(quorums: Sequence[tuple[str, int]], roles: Sequence[frozenset[str]]) -> int:
    """How many seats can be given to different voters at once.

    Augmenting paths: greedy seating would waste a voter of two roles on the seat that somebody else could take.
    """
    seats = [role for role, count in quorums for _ in range(count)]
    taken: dict[int, int] = {}

    def seat(wanted: int, tried: set[int]) -> bool:
        for voter, held in enumerate(roles):
            if seats[wanted] in held and voter not in tried:
                tried.add(voter)
                if voter not in taken or seat(taken[voter], tried):
                    taken[voter] = wanted
                    return True
        return False

    return sum(seat(wanted, set()) for wanted in range(len(seats)))


def given(quorums: Sequence[tuple[str, int]], roles: Sequence[frozenset[str]]) -> dict[str, int]:
    """How many approvals each role has so far, for show; a voter of two roles shows in both."""
    return {role: min(count, sum(role in held for held in roles)) for role, count in quorums}


def seat_roles(request: ApprovalRequest, roles: Roles, person: str) -> frozenset[str]:
    """The quorum roles that `person` can fill in this request; after escalation, the escalation role fills any."""
    wanted = frozenset(role for role, _ in request.quorums)
    held = roles.roles_of(request.tenant, person)
    if request.escalated and request.escalate_to and request.escalate_to in held:
        return wanted
    return wanted & held


def voters(request: ApprovalRequest, roles: Roles) -> list[frozenset[str]]:
    """The seats that each approving verdict can fill by the roles in force now; excluded people fill none."""
    return [
        seat_roles(request, roles, verdict.authority)
        for verdict in request.verdicts
        if verdict.approve and not _excluded(request, roles, verdict)
    ]


def satisfied(request: ApprovalRequest, roles: Roles) -> bool:
    """Whether the approving verdicts meet every quorum, by roles as they are now, by different people throughout."""
    people = [name for verdict in request.verdicts for name in {verdict.person, verdict.authority}]
    return len(people) == len(set(people)) and met(request.quorums, voters(request, roles))


def eligibility(
    request: ApprovalRequest, roles: Roles, person: str, absences: Sequence[Absence], at: datetime
) -> Eligibility:
    """Whether `person` may answer at `at`, and in whose place; `why_not` is a sentence."""
    if request.state != "pending":
        return Eligibility(False, f"This request is {request.state}.")
    if at >= request.expires_at:
        return Eligibility(False, "The time to answer is over.")
    if not person.startswith("person:"):
        return Eligibility(False, "Only a person may answer.")
    refusal = _refusal(request, roles, person)
    if refusal:
        return Eligibility(False, refusal)
    used = {name for verdict in request.verdicts for name in (verdict.person, verdict.authority)}
    if person in used:
        return Eligibility(False, "You have answered already.")
    places = [absent for absent in _stands_in_for(request, person, absences, at) if absent not in used]
    free = [person, *(absent for absent in places if not _refusal(request, roles, absent))]
    may = [_may(request, roles, one) for one in free if seat_roles(request, roles, one)]
    if may:
        return next((one for one in may if one.wanted), may[0])
    wanted = ", ".join(role for role, _ in request.quorums)
    return Eligibility(False, f"This needs one of these roles: {wanted}.")


def _may(request: ApprovalRequest, roles: Roles, authority: str) -> Eligibility:
    """An approval by `authority` counts if it takes a seat that nobody who approved could take."""
    before = voters(request, roles)
    mine = seat_roles(request, roles, authority)
    if seated(request.quorums, [*before, mine]) > seated(request.quorums, before):
        return Eligibility(True, authority=authority)
    missing = [role for role, count in request.quorums if sum(role in held for held in before) < count]
    still = f" Still needed: {', '.join(missing)}." if missing else ""
    enough = f"Enough people have approved as {', '.join(sorted(mine))}.{still}"
    return Eligibility(True, enough, authority, only_deny=True)


def _stands_in_for(request: ApprovalRequest, person: str, absences: Sequence[Absence], at: datetime) -> list[str]:
    away = [absence.person for absence in absences if absence.to == person and absence.since <= at < absence.until]
    return [*(giver for giver, taker in request.handed_over if taker == person), *away]


def _refusal(request: ApprovalRequest, roles: Roles, person: str) -> str:
    if person not in request.excluded and not _groups(request) & roles.roles_of(request.tenant, person):
        return ""
    if person == request.requester:
        return "You asked for this yourself."
    return "You own the agent or wrote the policy that asks, so somebody else must answer."


def _groups(request: ApprovalRequest) -> frozenset[str]:
    """Excluded groups, both as `group:x` and as the role `x`."""
    groups = [name for name in request.excluded if name.startswith("group:")]
    return frozenset((*groups, *(name.removeprefix("group:") for name in groups)))


def _excluded(request: ApprovalRequest, roles: Roles, verdict: Verdict) -> bool:
    return any(_refusal(request, roles, name) for name in {verdict.person, verdict.authority})
