"""Approvals over HTTP: the inbox, verdicts, absence cover, mandates."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request

from chargehand import clock
from chargehand.approvals import show
from chargehand.approvals.candidates import candidates
from chargehand.approvals.model import Absence, Definitions
from chargehand.approvals.service import ApprovalService, InboxItem
from chargehand.approvals.standing import MandateService, Terms
from chargehand.approvals.views import (
    AbsenceView,
    Approval,
    ApprovalPage,
    Candidate,
    Delegate,
    MandateProposal,
    MandateView,
    NewAbsence,
    NewMandate,
    NewVerdict,
    NewVerdicts,
    Refused,
    Revoke,
    VerdictsGiven,
    Withdraw,
)
from chargehand.errors import BadInput, NotFound
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import Caller, able, may
from chargehand.identity.service import Identity

router = APIRouter(tags=["approvals"])
Approver = Annotated[SignedIn, may("give_verdict")]
Mandator = Annotated[SignedIn, may("give_mandate")]
STATES = {
    "pending": ("pending",),
    "closed": ("approved", "rejected", "expired", "withdrawn"),
    "all": ("pending", "approved", "rejected", "expired", "withdrawn"),
}
MAX_COUNTED = 200
PLAIN_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,9})?")


def _approvals(request: Request) -> ApprovalService:
    return request.app.state.approvals


async def _show(request: Request, who: SignedIn, approval: str) -> Approval:
    """The request as it is now, if this person may see it. Raises NotFound, as if it did not exist."""
    service = _approvals(request)
    item = await service.get(approval, who)
    if not _visible(item, who, everything=able(request, who)("read_runs")):
        raise NotFound(f"There is no approval request {approval!r}.")
    names = await _names(request, who, show.people_in(item.request))
    schema = _definitions(request).input_schema(item.request.tool) if item.eligibility.may else None
    return show.approval(item, service.roles, names, schema).model_copy(update={"sentences": _said(request, item)})


def _said(request: Request, item: InboxItem) -> dict[str, str]:
    """The sentence in every language that the tool has; the English one as it was when it was asked."""
    said = _definitions(request).says(item.request.tool, item.request.arguments)
    return said | {"en": item.request.sentence}


def _definitions(request: Request) -> Definitions:
    return request.app.state.definitions


def _visible(item: InboxItem, who: SignedIn, *, everything: bool) -> bool:
    """Approvers see what they may answer or have answered, requesters what they caused, others nothing."""
    me = who.principal.id
    answered = any(me in (verdict.person, verdict.authority) for verdict in item.request.verdicts)
    return everything or item.eligibility.may or answered or item.request.requester == me


async def _names(request: Request, who: SignedIn, people: set[str]) -> dict[str, str]:
    identity: Identity = request.app.state.identity
    return await identity.names(who.principal.tenant, people)


@router.get("/approvals", operation_id="listApprovals")
async def list_approvals(
    request: Request,
    who: Caller,
    state: Literal["pending", "closed", "all"] = "pending",
    mine: Annotated[bool, Query(description="Only those I may answer")] = False,
    agent: str = "",
    tool: str = "",
    run: str = "",
    q: Annotated[str, Query(max_length=200, description="Text in the sentence or id")] = "",
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> ApprovalPage:
    """Approval requests, newest first: those I may answer and those I asked for; all with `read_runs`."""
    service = _approvals(request)
    found = await service.inbox(
        who,
        states=STATES[state],
        mine=mine,
        agent=agent,
        tool=tool,
        run=run,
        search=q,
        before=_parse(cursor),
        limit=limit,
    )
    waiting = await service.inbox(who, mine=True, limit=MAX_COUNTED)
    everything = able(request, who)("read_runs")
    items = [item for item in found if _visible(item, who, everything=everything)]
    people = {person for item in items for person in show.people_in(item.request)}
    names = await _names(request, who, people)
    last = found[-1].request if len(found) == limit else None
    return ApprovalPage(
        items=[
            show.summary(item, service.roles, names).model_copy(update={"sentences": _said(request, item)})
            for item in items
        ],
        next=f"{clock.iso(last.created_at)}~{last.id}" if last else None,
        waiting_for_me=len(waiting),
    )


def _parse(cursor: str) -> tuple[str, str] | None:
    if not cursor:
        return None
    at, mark, last = cursor.partition("~")
    if not mark:
        raise BadInput("That is no cursor of ours.", field="cursor", value=cursor, way_out="Take it from `next`.")
    return at, last


@router.get("/approvals/{approval}", operation_id="getApproval")
async def get_approval(approval: str, request: Request, who: Caller) -> Approval:
    """Exactly what will run, why policy asks, what was decided before like this."""
    return await _show(request, who, approval)


@router.post("/approvals/{approval}/verdict", operation_id="giveVerdict")
async def give_verdict(approval: str, body: NewVerdict, request: Request, who: Approver) -> Approval:
    """Approve or deny what has this digest. It can't be undone; a stale digest or a second verdict gets 409.

    A denial may suggest other arguments (`instead`): the agent hears them, and a call with them is decided afresh.
    """
    if body.instead is not None:
        asked = await _show(request, who, approval)
        _definitions(request).check(asked.tool, body.instead, field="instead")
    await _approvals(request).give_verdict(
        approval,
        who,
        approve=body.approve,
        digest=body.digest,
        comment=body.comment,
        seconds_taken=body.seconds_taken,
        instead=body.instead,
    )
    return await _show(request, who, approval)


@router.post("/approvals/verdicts", operation_id="giveVerdicts")
async def give_verdicts(body: NewVerdicts, request: Request, who: Approver) -> VerdictsGiven:
    """One verdict on several equal requests of low risk; each is judged alone and may be refused alone."""
    items = [(item.id, item.digest) for item in body.items]
    result = await _approvals(request).give_verdicts(items, who, approve=body.approve, comment=body.comment)
    return VerdictsGiven(
        done=[done.id for done in result.done],
        refused=[Refused(id=id_, code=error.code, detail=str(error)) for id_, error in result.refused],
    )


@router.post("/approvals/{approval}/delegate", operation_id="delegateApproval")
async def delegate(approval: str, body: Delegate, request: Request, who: Approver) -> Approval:
    """Hand this request to another person, who answers in my place."""
    await _approvals(request).hand_over(approval, who, body.to, body.comment)
    return await _show(request, who, approval)


@router.get("/approvals/{approval}/candidates", operation_id="listCandidates")
async def list_candidates(approval: str, request: Request, who: Approver) -> list[Candidate]:
    """To whom I may hand this request over: who may give verdicts and has no part in it, holders of its roles first."""
    service = _approvals(request)
    await _show(request, who, approval)
    asked = (await service.get(approval, who)).request
    identity: Identity = request.app.state.identity
    able_to: dict[str, str] = {
        user.principal.id: user.principal.name
        for user in await identity.people(who.principal.tenant)
        if user.active and able(request, SignedIn(user.principal, who.method))("give_verdict")
    }
    found = candidates(asked, service.roles, who.principal.id, able_to, clock.now())
    return [Candidate(principal=each, name=able_to[each], holds=sorted(holds)) for each, holds in found]


@router.post("/approvals/{approval}/withdraw", operation_id="withdrawApproval")
async def withdraw(approval: str, body: Withdraw, request: Request, who: Caller) -> Approval:
    """Take back a request that I caused; the call ends as rejected."""
    await _approvals(request).withdraw(approval, who, body.reason)
    return await _show(request, who, approval)


@router.get("/absences", operation_id="listAbsences")
async def list_absences(request: Request, who: Caller) -> list[AbsenceView]:
    """Who answers for whom while away."""
    return [_absence(absence) for absence in await _approvals(request).absences(who)]


@router.post("/absences", operation_id="createAbsence", status_code=201)
async def create_absence(body: NewAbsence, request: Request, who: Approver) -> AbsenceView:
    """Name who answers for me while I am away."""
    return _absence(await _approvals(request).away(who, body.to, body.since, body.until))


@router.delete("/absences/{absence}", operation_id="endAbsence", status_code=204)
async def end_absence(absence: str, request: Request, who: Approver) -> None:
    """I am back."""
    await _approvals(request).back(who, absence)


def _absence(absence: Absence) -> AbsenceView:
    return AbsenceView(id=absence.id, person=absence.person, to=absence.to, since=absence.since, until=absence.until)


def _mandates(request: Request) -> MandateService:
    return request.app.state.mandates


@router.get("/mandates", operation_id="listMandates")
async def list_mandates(request: Request, who: Caller, agent: str = "") -> list[MandateView]:
    """Standing pre-approvals and how far they are used, newest first."""
    found = await _mandates(request).list(who, agent=agent)
    names = await _names(request, who, {mandate.given_by for mandate in found})
    return [show.mandate(mandate, names) for mandate in found]


@router.get("/mandates/proposals", operation_id="listMandateProposals")
async def list_proposals(request: Request, who: Mandator) -> list[MandateProposal]:
    """What the approval history suggests that I pre-approve, with the evidence."""
    return [show.proposal(proposal) for proposal in await _mandates(request).proposals(who)]


@router.post("/mandates", operation_id="giveMandate", status_code=201)
async def give_mandate(body: NewMandate, request: Request, who: Mandator) -> MandateView:
    """Pre-approve up to a number of calls and an amount, until a date. It covers what I alone could approve."""
    terms = Terms(
        agent=body.agent,
        tool=body.tool,
        calls=body.calls,
        until=body.until,
        reason=body.reason,
        field=body.field,
        total=_amount("total", body.total),
        each=_amount("each", body.each),
        currency=body.currency,
        proposal=body.proposal,
    )
    return show.mandate(await _mandates(request).give(who, terms), {who.principal.id: who.principal.name})


@router.post("/mandates/{mandate}/revoke", operation_id="revokeMandate")
async def revoke_mandate(mandate: str, body: Revoke, request: Request, who: Mandator) -> MandateView:
    """End a mandate now."""
    revoked = await _mandates(request).revoke(who, mandate, body.reason)
    return show.mandate(revoked, await _names(request, who, {revoked.given_by}))


def _amount(field: str, text: str) -> Decimal | None:
    """A plain decimal such as 1280.00; a comma or a space is refused, never guessed at."""
    if not text:
        return None
    if not PLAIN_DECIMAL.fullmatch(text):
        raise BadInput("This is not a plain amount.", field=field, value=text, way_out="Write it as 1280.00")
    return Decimal(text)
