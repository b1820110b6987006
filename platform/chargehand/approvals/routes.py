"""Approvals over HTTP: the inbox, verdicts, absence cover, mandates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from chargehand.approvals.views import (
    Absence,
    Approval,
    ApprovalPage,
    Delegate,
    Mandate,
    MandateProposal,
    NewAbsence,
    NewMandate,
    NewVerdict,
    NewVerdicts,
    Revoke,
    VerdictsGiven,
    Withdraw,
)
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import Caller, may

router = APIRouter(tags=["approvals"])
Approver = Annotated[SignedIn, may("give_verdict")]
Mandator = Annotated[SignedIn, may("give_mandate")]


def _approvals(request: Request) -> Any:
    return request.app.state.approvals


@router.get("/approvals", operation_id="listApprovals")
async def list_approvals(
    request: Request,
    who: Caller,
    state: Literal["pending", "closed", "all"] = "pending",
    mine: Annotated[bool, Query(description="Only those I may answer")] = False,
    agent: str = "",
    tool: str = "",
    run: str = "",
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> ApprovalPage:
    """Approval requests: those I may answer and those I asked for; all with `read_runs`."""
    return await _approvals(request).list(
        who, state=state, mine=mine, agent=agent, tool=tool, run=run, cursor=cursor, limit=limit
    )


@router.get("/approvals/{approval}", operation_id="getApproval")
async def get_approval(approval: str, request: Request, who: Caller) -> Approval:
    """Exactly what will run, why policy asks, what was decided before like this."""
    return await _approvals(request).get(who, approval)


@router.post("/approvals/{approval}/verdict", operation_id="giveVerdict")
async def give_verdict(approval: str, body: NewVerdict, request: Request, who: Approver) -> Approval:
    """Approve or deny what has this digest. It can't be undone; a stale digest or a second verdict gets 409."""
    return await _approvals(request).verdict(who, approval, body)


@router.post("/approvals/verdicts", operation_id="giveVerdicts")
async def give_verdicts(body: NewVerdicts, request: Request, who: Approver) -> VerdictsGiven:
    """One verdict on several equal requests of low risk; each is judged alone and may be refused alone."""
    return await _approvals(request).verdicts(who, body)


@router.post("/approvals/{approval}/delegate", operation_id="delegateApproval")
async def delegate(approval: str, body: Delegate, request: Request, who: Approver) -> Approval:
    """Hand this request to another person, who answers in my place."""
    return await _approvals(request).delegate(who, approval, body)


@router.post("/approvals/{approval}/withdraw", operation_id="withdrawApproval")
async def withdraw(approval: str, body: Withdraw, request: Request, who: Caller) -> Approval:
    """Take back a request that I caused; the call ends as rejected."""
    return await _approvals(request).withdraw(who, approval, body)


@router.get("/absences", operation_id="listAbsences")
async def list_absences(request: Request, who: Caller) -> list[Absence]:
    """Who answers for whom while away."""
    return await _approvals(request).absences(who)


@router.post("/absences", operation_id="createAbsence", status_code=201)
async def create_absence(body: NewAbsence, request: Request, who: Approver) -> Absence:
    """Name who answers for me while I am away."""
    return await _approvals(request).create_absence(who, body)


@router.delete("/absences/{absence}", operation_id="endAbsence", status_code=204)
async def end_absence(absence: str, request: Request, who: Approver) -> None:
    """I am back."""
    await _approvals(request).end_absence(who, absence)


@router.get("/mandates", operation_id="listMandates")
async def list_mandates(request: Request, who: Caller, agent: str = "") -> list[Mandate]:
    """Standing pre-approvals and how far they are used."""
    return await _approvals(request).mandates(who, agent)


@router.get("/mandates/proposals", operation_id="listMandateProposals")
async def list_proposals(request: Request, who: Mandator) -> list[MandateProposal]:
    """What the approval history suggests to pre-approve, with the evidence."""
    return await _approvals(request).proposals(who)


@router.post("/mandates", operation_id="giveMandate", status_code=201)
async def give_mandate(body: NewMandate, request: Request, who: Mandator) -> Mandate:
    """Pre-approve up to a number of calls and an amount, until a date."""
    return await _approvals(request).give_mandate(who, body)


@router.post("/mandates/{mandate}/revoke", operation_id="revokeMandate")
async def revoke_mandate(mandate: str, body: Revoke, request: Request, who: Mandator) -> Mandate:
    """End a mandate now."""
    return await _approvals(request).revoke_mandate(who, mandate, body)
