"""Policy over HTTP: rules in words, who can, explain, simulate; drafts that a second person reviews."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Query, Request

from chargehand import clock
from chargehand.audit.service import AuditService
from chargehand.errors import BadInput
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import may
from chargehand.identity.service import Identity
from chargehand.policy import show, views
from chargehand.policy.cases import check
from chargehand.policy.compare import backtest, diff, simulate
from chargehand.policy.explain import explain
from chargehand.policy.history import RecordedHistory
from chargehand.policy.model import KnownTool
from chargehand.policy.model import Request as Asked
from chargehand.policy.past import recorded_calls
from chargehand.policy.revisions import PolicyRevisions
from chargehand.policy.service import PolicyService
from chargehand.policy.snapshot import TenantPolicy
from chargehand.policy.who_can import who_can

router = APIRouter(prefix="/policy", tags=["policy"])
Reader = Annotated[SignedIn, may("read_policy")]
Drafter = Annotated[SignedIn, may("draft_policy")]
Activator = Annotated[SignedIn, may("activate_policy")]


def _policies(request: Request) -> PolicyService:
    return request.app.state.policy


def _revisions(request: Request) -> PolicyRevisions:
    return request.app.state.revisions


def _in_force(request: Request, who: SignedIn) -> TenantPolicy:
    return _policies(request).policy(who.principal.tenant)


def _tool(request: Request, name: str) -> KnownTool:
    found = (_policies(request).catalogue or {}).get(name)
    if found is None:
        raise BadInput("There is no such tool.", field="tool", value=name, way_out="`listTools` has all of them.")
    return found


def _asked(request: Request, who: SignedIn, question: views.Question) -> Asked:
    agent = (f"agent:{question.agent.removeprefix('agent:')}",) if question.agent else ()
    return Asked(
        tenant=who.principal.tenant,
        chain=(question.principal, *agent),
        tool=question.tool,
        effect=_tool(request, question.tool).effect,
        arguments=question.arguments,
        at=question.at or clock.now(),
        attributes=_policies(request).attributes(who.principal.tenant),
        history=RecordedHistory(),
    )


@router.get("", operation_id="getPolicy")
async def overview(request: Request, who: Reader) -> views.PolicyOverview:
    """The rules in force, in words, where they come from, and whether the files on disk are the same."""
    return await asyncio.to_thread(show.overview, _policies(request), _in_force(request, who))


@router.post("/who-can", operation_id="whoCan")
async def who_can_use(body: views.WhoCanQuestion, request: Request, who: Reader) -> list[views.WhoCanView]:
    """Everyone who may use a tool, with these arguments or with any; the freest first."""
    tool = _tool(request, body.tool)
    attributes = _policies(request).attributes(who.principal.tenant)
    found = who_can(_in_force(request, who), tool.name, tool.effect, clock.now(), body.arguments, attributes)
    identity: Identity = request.app.state.identity
    names = await identity.names(who.principal.tenant, {one.principal for one in found})
    return [
        views.WhoCanView(
            principal=one.principal,
            name=names.get(one.principal, one.principal),
            roles=list(one.roles),
            verdict=one.verdict,
            approval=list(one.approval),
            rules=list(one.rules),
            depends=list(one.depends),
        )
        for one in found
    ]


@router.post("/explain", operation_id="explainDecision")
async def explain_decision(body: views.Question, request: Request, who: Reader) -> views.Explanation:
    """What policy would answer, by which rules, and what would change it."""
    return show.explanation(explain(_in_force(request, who), _asked(request, who, body)))


@router.post("/simulate", operation_id="simulatePolicy")
async def simulate_draft(body: views.Simulation, request: Request, who: Reader) -> list[views.SimulatedView]:
    """Answers now and under a draft, side by side."""
    candidate = await _revisions(request).candidate(who.principal.tenant, body.draft)
    asked = [_asked(request, who, question) for question in body.questions]
    return [
        views.SimulatedView(now=show.decision(one.now), candidate=show.decision(one.candidate), flipped=one.flipped)
        for one in simulate(_in_force(request, who), candidate, asked)
    ]


@router.get("/separation", operation_id="listSeparationConflicts")
async def separation(request: Request, who: Reader) -> list[views.SeparationConflict]:
    """Who holds a combination of tools or roles that no one may hold."""
    return show.conflicts_of(_in_force(request, who))


@router.post("/cases/check", operation_id="checkPolicyCases")
async def check_cases(
    request: Request, who: Reader, draft: Annotated[str, Query(description="Empty: the policy in force")] = ""
) -> list[views.CaseResultView]:
    """Run the expected decisions of the policy in force, or of a draft."""
    policy = await _revisions(request).candidate(who.principal.tenant, draft) if draft else _in_force(request, who)
    return show.cases(await asyncio.to_thread(check, policy))


@router.get("/revisions", operation_id="listPolicyRevisions")
async def revisions(request: Request, who: Reader) -> list[views.RevisionView]:
    """Revisions that were in force, newest first."""
    return [show.revision(one) for one in await _revisions(request).revisions(who.principal.tenant)]


@router.post("/rollback", operation_id="rollBackPolicy")
async def roll_back(body: views.Rollback, request: Request, who: Activator) -> views.PolicyOverview:
    """Put an earlier revision in force again."""
    rolled_back = await _revisions(request).roll_back(who, body.revision, body.reason)
    return await asyncio.to_thread(show.overview, _policies(request), rolled_back)


@router.get("/drafts", operation_id="listDrafts")
async def list_drafts(request: Request, who: Reader) -> list[views.DraftSummary]:
    """Proposed changes, newest first."""
    return [show.draft_summary(one) for one in await _revisions(request).drafts(who.principal.tenant)]


@router.post("/drafts", operation_id="createDraft", status_code=201)
async def create_draft(body: views.NewDraft, request: Request, who: Drafter) -> views.DraftView:
    """Propose a change; what does not lint is refused with every problem."""
    return show.draft(await _revisions(request).draft(who, body.title, body.files, body.reason))


@router.get("/drafts/{draft}", operation_id="getDraft")
async def get_draft(draft: str, request: Request, who: Reader) -> views.DraftView:
    """One proposed change, whole."""
    return show.draft(await _revisions(request).get(who.principal.tenant, draft))


@router.put("/drafts/{draft}", operation_id="changeDraft")
async def change_draft(draft: str, body: views.ChangedDraft, request: Request, who: Drafter) -> views.DraftView:
    """Change a draft; a review given before no longer counts."""
    changed = await _revisions(request).change(
        who, draft, body.content_hash, files=body.files, title=body.title, reason=body.reason
    )
    return show.draft(changed)


@router.delete("/drafts/{draft}", operation_id="abandonDraft", status_code=204)
async def abandon_draft(draft: str, request: Request, who: Drafter) -> None:
    """Give a draft up."""
    await _revisions(request).abandon(who, draft)


@router.get("/drafts/{draft}/diff", operation_id="diffDraft")
async def diff_draft(draft: str, request: Request, who: Reader) -> views.DraftDiff:
    """What the draft changes, in rules, roles and files, and whether it is fit to be put in force."""
    candidate = await _revisions(request).candidate(who.principal.tenant, draft)
    checked = await asyncio.to_thread(check, candidate)
    return show.diff(diff(_in_force(request, who), candidate), candidate, checked)


@router.post("/drafts/{draft}/backtest", operation_id="backtestDraft")
async def backtest_draft(draft: str, body: views.NewBacktest, request: Request, who: Reader) -> views.BacktestView:
    """Re-decide recorded calls under the draft, with today's attributes, and list every decision that flips."""
    tenant = who.principal.tenant
    candidate = await _revisions(request).candidate(tenant, draft)
    audit: AuditService = request.app.state.audit
    began = time.monotonic()
    calls = await recorded_calls(audit, tenant, body.last)
    found = await asyncio.to_thread(backtest, candidate, calls, _policies(request).attributes(tenant))
    return show.backtest(found, round((time.monotonic() - began) * 1000))


@router.post("/drafts/{draft}/review", operation_id="reviewDraft")
async def review_draft(draft: str, body: views.Review, request: Request, who: Activator) -> views.DraftView:
    """A second person's review of exactly this content."""
    reviewed = await _revisions(request).review(
        who, draft, body.content_hash, approve=body.approve, comment=body.comment
    )
    return show.draft(reviewed)


@router.post("/drafts/{draft}/activate", operation_id="activateDraft")
async def activate_draft(draft: str, body: views.Activate, request: Request, who: Activator) -> views.PolicyOverview:
    """Put a reviewed draft in force."""
    activated = await _revisions(request).activate(who, draft, body.content_hash)
    return await asyncio.to_thread(show.overview, _policies(request), activated)
