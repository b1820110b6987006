"""Drafts and revisions as they are shown: what the rows of the store mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from chargehand import clock
from chargehand.policy import store
from chargehand.policy.model import Problem

DraftState = Literal["draft", "reviewed", "active", "abandoned", "superseded"]
OPEN: tuple[DraftState, ...] = ("draft", "reviewed")


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposed policy, whole. `problems` are warnings: a draft with errors is not saved."""

    id: str
    tenant: str
    title: str
    reason: str
    author: str
    authors: tuple[str, ...]
    based_on: str
    content_hash: str
    revision: str
    files: Mapping[str, str]
    state: DraftState
    created_at: datetime
    changed_at: datetime
    reviewed_by: str
    review_comment: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Revision:
    """One time that a policy was put in force; `counter` counts up from 1 in each tenant."""

    revision: str
    counter: int
    draft: str
    title: str
    authors: tuple[str, ...]
    reviewed_by: str
    activated_by: str
    activated_at: datetime
    reason: str
    rolled_back: bool
    in_force: bool


def draft_of(row: store.AnyRow) -> Draft:
    return Draft(
        id=row.id,
        tenant=row.tenant,
        title=row.title,
        reason=row.reason,
        author=row.author,
        authors=tuple(store.loads(row.authors)),
        based_on=row.based_on,
        content_hash=row.content_hash,
        revision=row.revision,
        files=store.loads(row.files),
        state=cast("DraftState", row.state),
        created_at=clock.parse(row.created_at),
        changed_at=clock.parse(row.changed_at),
        reviewed_by=row.reviewed_by,
        review_comment=row.review_comment,
    )


def revisions_of(connection: store.Connection, tenant: str) -> tuple[Revision, ...]:
    current = store.in_force(connection, tenant)
    return tuple(
        Revision(
            revision=row.revision,
            counter=row.counter,
            draft=row.draft,
            title=row.title,
            authors=tuple(store.loads(row.authors)),
            reviewed_by=row.reviewed_by,
            activated_by=row.activated_by,
            activated_at=clock.parse(row.activated_at),
            reason=row.reason,
            rolled_back=row.rolled_back,
            in_force=current is not None and current.counter == row.counter,
        )
        for row in store.list_activations(connection, tenant)
    )
