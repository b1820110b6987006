"""Policy over HTTP: rules in words, who can, explain, simulate; drafts that a second person reviews."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from chargehand.identity.model import SignedIn
from chargehand.identity.routes import may
from chargehand.policy.views import (
    Activate,
    Backtest,
    CaseResult,
    ChangedDraft,
    Draft,
    DraftDiff,
    DraftSummary,
    Explanation,
    NewBacktest,
    NewDraft,
    PolicyOverview,
    Question,
    Review,
    Revision,
    Rollback,
    SegregationConflict,
    Simulated,
    Simulation,
    WhoCan,
    WhoCanQuestion,
)

router = APIRouter(prefix="/policy", tags=["policy"])
Reader = Annotated[SignedIn, may("read_policy")]
Drafter = Annotated[SignedIn, may("draft_policy")]
Activator = Annotated[SignedIn, may("activate_policy")]


def _desk(request: Request) -> Any:
    return request.app.state.policy_desk


@router.get("", operation_id="getPolicy")
async def overview(request: Request, who: Reader) -> PolicyOverview:
    """The rules in force, in words."""
    return await _desk(request).overview(who)


@router.post("/who-can", operation_id="whoCan")
async def who_can(body: WhoCanQuestion, request: Request, who: Reader) -> list[WhoCan]:
    """Everyone who may use a tool, with these arguments or with any."""
    return await _desk(request).who_can(who, body)


@router.post("/explain", operation_id="explainDecision")
async def explain(body: Question, request: Request, who: Reader) -> Explanation:
    """What policy would answer, by which rules, and what would change it."""
    return await _desk(request).explain(who, body)


@router.post("/simulate", operation_id="simulatePolicy")
async def simulate(body: Simulation, request: Request, who: Reader) -> list[Simulated]:
    """Answers now and under a draft, side by side."""
    return await _desk(request).simulate(who, body)


@router.get("/segregation", operation_id="listSegregationConflicts")
async def segregation(request: Request, who: Reader) -> list[SegregationConflict]:
    """Who holds a combination of tools that no one may hold."""
    return await _desk(request).segregation(who)


@router.post("/cases/check", operation_id="checkPolicyCases")
async def check_cases(
    request: Request, who: Reader, draft: Annotated[str, Query(description="Empty: the policy in force")] = ""
) -> list[CaseResult]:
    """Run the expected decisions of policies/cases."""
    return await _desk(request).check_cases(who, draft)


@router.get("/revisions", operation_id="listPolicyRevisions")
async def revisions(request: Request, who: Reader) -> list[Revision]:
    """Revisions that were in force, newest first."""
    return await _desk(request).revisions(who)


@router.post("/rollback", operation_id="rollBackPolicy")
async def roll_back(body: Rollback, request: Request, who: Activator) -> PolicyOverview:
    """Put an earlier reviewed revision in force again."""
    return await _desk(request).roll_back(who, body)


@router.get("/drafts", operation_id="listDrafts")
async def list_drafts(request: Request, who: Reader) -> list[DraftSummary]:
    """Proposed changes."""
    return await _desk(request).drafts(who)


@router.post("/drafts", operation_id="createDraft", status_code=201)
async def create_draft(body: NewDraft, request: Request, who: Drafter) -> Draft:
    """Propose a change; it is linted at once."""
    return await _desk(request).create_draft(who, body)


@router.get("/drafts/{draft}", operation_id="getDraft")
async def get_draft(draft: str, request: Request, who: Reader) -> Draft:
    """One proposed change with what its lint found."""
    return await _desk(request).draft(who, draft)


@router.put("/drafts/{draft}", operation_id="changeDraft")
async def change_draft(draft: str, body: ChangedDraft, request: Request, who: Drafter) -> Draft:
    """Change a draft; a review given before no longer counts."""
    return await _desk(request).change_draft(who, draft, body)


@router.delete("/drafts/{draft}", operation_id="abandonDraft", status_code=204)
async def abandon_draft(draft: str, request: Request, who: Drafter) -> None:
    """Give a draft up."""
    await _desk(request).abandon_draft(who, draft)


@router.get("/drafts/{draft}/diff", operation_id="diffDraft")
async def diff_draft(draft: str, request: Request, who: Reader) -> DraftDiff:
    """What the draft changes, in files and in rules."""
    return await _desk(request).diff(who, draft)


@router.post("/drafts/{draft}/backtest", operation_id="backtestDraft")
async def backtest(draft: str, body: NewBacktest, request: Request, who: Reader) -> Backtest:
    """Re-decide recorded calls under the draft and list every decision that flips."""
    return await _desk(request).backtest(who, draft, body)


@router.post("/drafts/{draft}/review", operation_id="reviewDraft")
async def review_draft(draft: str, body: Review, request: Request, who: Activator) -> Draft:
    """A second person's review of exactly this content."""
    return await _desk(request).review(who, draft, body)


@router.post("/drafts/{draft}/activate", operation_id="activateDraft")
async def activate_draft(draft: str, body: Activate, request: Request, who: Activator) -> PolicyOverview:
    """Put a reviewed draft in force."""
    return await _desk(request).activate(who, draft, body)
