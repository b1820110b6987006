"""Changing a tenant's policy: draft, review by a second person, activate, roll back. Each step is in the action log.

A draft is a tenant's whole policy. It is linted when saved and again, with its cases, when it is put in force. Whoever
wrote on it can neither review nor activate it; a review counts for exactly the content that was seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from chargehand import clock, ids
from chargehand.audit import log
from chargehand.audit.model import Record, Who
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, BadPolicy, Conflict, Forbidden, NotFound
from chargehand.identity.model import SignedIn
from chargehand.policy import store
from chargehand.policy.cases import check
from chargehand.policy.compiling import content_hash
from chargehand.policy.model import Problem
from chargehand.policy.service import PolicyService
from chargehand.policy.snapshot import Documents, TenantPolicy

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


class PolicyRevisions:
    """The use cases. Who may draft or activate is asked before, of policy itself (`chargehand.draft_policy`, …)."""

    def __init__(self, db: Database, policies: PolicyService) -> None:
        self.db = db
        self.policies = policies

    async def draft(self, who: SignedIn, title: str, files: Mapping[str, str], reason: str = "") -> Draft:
        """Propose the policy in force with `files` (rules.yaml, cases/refunds.yaml, …) exchanged or added.

        Raises:
            BadPolicy: it does not lint; lists every problem with file and line. Nothing was saved.
            BadInput: there is no title.
        """
        tenant, author = who.principal.tenant, who.principal.id
        if not title.strip():
            raise BadInput("is missing", field="title", way_out="Say in a few words what changes.")
        based_on = self.policies.policy(tenant)
        candidate = await self._compile(tenant, {**based_on.documents, **_own(tenant, files)})
        now = clock.iso(clock.now())
        row = {
            "tenant": tenant,
            "id": ids.new_id("pol"),
            "title": title.strip(),
            "reason": reason,
            "author": author,
            "authors": store.dumps([author]),
            "based_on": based_on.revision,
            "state": "draft",
            "created_at": now,
            "changed_at": now,
            **_content(candidate),
        }

        def unit(tx: Transaction) -> None:
            store.add_draft(tx.connection, row)
            _record(tx, who, "drafted", row["id"], candidate.revision, {"title": row["title"], "reason": reason})

        await self.db.write(unit)
        return await self.get(tenant, row["id"])

    async def change(
        self,
        who: SignedIn,
        draft: str,
        seen: str,
        *,
        files: Mapping[str, str] | None = None,
        title: str | None = None,
        reason: str | None = None,
    ) -> Draft:
        """Change an open draft; `seen` is its content hash as the caller saw it. A review given before is gone.

        Raises:
            BadPolicy, NotFound; Conflict: it changed, or is not open any more.
        """
        tenant = who.principal.tenant
        found = await self.get(tenant, draft)
        candidate = await self._compile(tenant, {**found.files, **_own(tenant, files or {})})
        values = {
            "title": (title or found.title).strip(),
            "reason": found.reason if reason is None else reason,
            "authors": store.dumps(list(dict.fromkeys((*found.authors, who.principal.id)))),
            "changed_at": clock.iso(clock.now()),
            "state": "draft",
            "reviewed_by": "",
            "reviewed_at": "",
            "review_comment": "",
            **_content(candidate),
        }
        await self._step(who, found, seen, values, "changed", candidate.revision)
        return await self.get(tenant, draft)

    async def review(self, who: SignedIn, draft: str, seen: str, *, approve: bool, comment: str = "") -> Draft:
        """A second person's review of exactly the content `seen`; a no gives the draft back.

        Raises:
            Forbidden: the reviewer wrote on it. NotFound; Conflict: it changed, or is not open any more.
        """
        found = await self.get(who.principal.tenant, draft)
        _not_an_author(who, found, "review")
        values = {
            "state": "reviewed" if approve else "draft",
            "reviewed_by": who.principal.id if approve else "",
            "reviewed_at": clock.iso(clock.now()) if approve else "",
            "review_comment": comment,
            "changed_at": clock.iso(clock.now()),
        }
        what = "reviewed" if approve else "sent back"
        await self._step(who, found, seen, values, what, found.revision, comment=comment)
        return await self.get(who.principal.tenant, draft)

    async def abandon(self, who: SignedIn, draft: str) -> None:
        """Give an open draft up. Raises NotFound, Conflict."""
        found = await self.get(who.principal.tenant, draft)
        values = {"state": "abandoned", "changed_at": clock.iso(clock.now())}
        await self._step(who, found, found.content_hash, values, "abandoned", found.revision)

    async def activate(self, who: SignedIn, draft: str, seen: str) -> TenantPolicy:
        """Put a reviewed draft in force, here at once and in other processes when their watcher next looks.

        Raises:
            Forbidden: who activates wrote on it. NotFound.
            Conflict: it was not reviewed, changed since, or is based on a policy that is no longer in force.
            BadPolicy: it no longer lints, or one of its cases fails.
        """
        tenant = who.principal.tenant
        found = await self.get(tenant, draft)
        _not_an_author(who, found, "activate")
        if found.state != "reviewed":
            raise Conflict(f"{draft} is {found.state}, not reviewed.", way_out="A second person reviews it first.")
        if found.content_hash != seen:
            raise Conflict(f"{draft} changed after you looked.", way_out="Look at it again.")
        candidate = await self._compile(tenant, found.files)
        failed = [
            f"{result.place}: {result.name}: {'; '.join(result.failed)}" for result in check(candidate) if result.failed
        ]
        if failed:
            raise BadPolicy("Expected decisions are not met:\n" + "\n".join(failed), way_out="Correct rules or cases.")
        await self._put_in_force(who, found, candidate, based_on=found.based_on)
        return candidate

    async def roll_back(self, who: SignedIn, revision: str, reason: str) -> TenantPolicy:
        """Put a revision in force again that was in force before: one person may, so that it is quick.

        Raises:
            NotFound: it never was in force. BadInput: no reason is given.
            BadPolicy: it no longer lints (a tool or role is gone).
        """
        tenant = who.principal.tenant
        if not reason.strip():
            raise BadInput("is missing", field="reason", way_out="Say why the policy is rolled back.")
        earlier = next((one for one in await self.revisions(tenant) if one.revision == revision), None)
        if earlier is None:
            raise NotFound(f"{revision} never was in force.", way_out="`revisions` lists those that were.")
        found = await self.get(tenant, earlier.draft)
        candidate = await self._compile(tenant, found.files)
        await self._put_in_force(who, found, candidate, based_on=None, reason=reason.strip())
        return candidate

    async def get(self, tenant: str, draft: str) -> Draft:
        """Raises NotFound."""
        row = await self.db.read(lambda connection: store.get_draft(connection, tenant, draft))
        if row is None:
            raise NotFound(f"There is no draft {draft!r}.")
        return _draft(row)

    async def drafts(self, tenant: str) -> tuple[Draft, ...]:
        """Newest first."""
        rows = await self.db.read(lambda connection: store.list_drafts(connection, tenant))
        return tuple(_draft(row) for row in rows)

    async def revisions(self, tenant: str) -> tuple[Revision, ...]:
        """What was in force, newest first; the oldest came from the files."""
        return await self.db.read(lambda connection: _revisions(connection, tenant))

    async def candidate(self, tenant: str, draft: str) -> TenantPolicy:
        """A draft compiled, to simulate, backtest, explain or compare. Raises NotFound, BadPolicy."""
        found = await self.get(tenant, draft)
        return await self._compile(tenant, found.files)

    async def _compile(self, tenant: str, documents: Documents) -> TenantPolicy:
        return await asyncio.to_thread(self.policies.compile, tenant, documents)

    async def _step(
        self,
        who: SignedIn,
        found: Draft,
        seen: str,
        values: Mapping[str, Any],
        what: str,
        revision: str,
        comment: str = "",
    ) -> None:
        def unit(tx: Transaction) -> None:
            if not store.change_draft(tx.connection, found.tenant, found.id, values, states=OPEN, seen=seen):
                raise Conflict(f"{found.id} changed after you looked, or is not open.", way_out="Look at it again.")
            _record(tx, who, what, found.id, revision, {"content_hash": seen, "comment": comment})

        await self.db.write(unit)

    async def _put_in_force(
        self, who: SignedIn, found: Draft, candidate: TenantPolicy, *, based_on: str | None, reason: str = ""
    ) -> None:
        base = self.policies.policy(found.tenant)
        change = _Change(who, found, candidate.revision, based_on, reason)
        try:
            counter = await self.db.write(lambda tx: _exchange(tx, change, base))
        except IntegrityError:
            raise Conflict("Somebody else put a policy in force just now.", way_out="Look again.") from None
        self.policies.put_in_force(candidate, counter=counter, authors=found.authors)


@dataclass(frozen=True, slots=True)
class _Change:
    """`based_on` is None when an earlier revision is put in force again."""

    who: SignedIn
    draft: Draft
    revision: str
    based_on: str | None
    reason: str

    @property
    def what(self) -> str:
        return "rolled back" if self.based_on is None else "activated"


def _exchange(tx: Transaction, change: _Change, base: TenantPolicy) -> int:
    """Put the change in force in one transaction, with its record; the new counter."""
    draft, tenant = change.draft, change.draft.tenant
    current = store.in_force(tx.connection, tenant)
    now_in_force = base.revision if current is None else current.revision
    if change.based_on is not None and now_in_force != change.based_on:
        detail = f"{draft.id} is based on {change.based_on}, which is no longer in force."
        raise Conflict(detail, way_out="Draft the change again on what is.")
    counter = 2 if current is None else current.counter + 1
    if current is None:
        _keep_files(tx.connection, base)
    expected = 0 if current is None else current.counter
    if not store.put_in_force(tx.connection, tenant, draft.id, change.revision, counter=counter, expected=expected):
        raise Conflict("Somebody else put a policy in force just now.", way_out="Look again.")
    store.supersede(tx.connection, tenant, draft.id)
    states = ("active", "superseded") if change.based_on is None else ("reviewed",)
    active = {"state": "active"}
    if not store.change_draft(tx.connection, tenant, draft.id, active, states=states, seen=draft.content_hash):
        raise Conflict(f"{draft.id} changed after you looked.", way_out="Look at it again.")
    activation = {
        "tenant": tenant,
        "counter": counter,
        "draft": draft.id,
        "revision": change.revision,
        "title": draft.title,
        "authors": store.dumps(list(draft.authors)),
        "reviewed_by": draft.reviewed_by,
        "activated_by": change.who.principal.id,
        "activated_at": clock.iso(clock.now()),
        "reason": change.reason,
        "rolled_back": change.based_on is None,
    }
    store.add_activation(tx.connection, activation)
    detail = {key: activation[key] for key in ("reason", "reviewed_by")}
    detail |= {"before": now_in_force, "authors": list(draft.authors)}
    _record(tx, change.who, change.what, draft.id, change.revision, detail)
    return counter


def _keep_files(connection: Connection, base: TenantPolicy) -> None:
    """The policy that came from files becomes the tenant's first revision, so that it can be rolled back to."""
    now = clock.iso(clock.now())
    draft = ids.new_id("pol")
    title = "The policy that came with the files"
    row = {"tenant": base.tenant, "id": draft, "title": title, "author": "", "authors": "[]", "based_on": ""}
    store.add_draft(connection, {**row, "state": "active", "created_at": now, "changed_at": now, **_content(base)})
    activation = {"tenant": base.tenant, "counter": 1, "draft": draft, "revision": base.revision, "title": title}
    people = {"authors": "[]", "reviewed_by": "", "activated_by": ""}
    store.add_activation(connection, {**activation, **people, "activated_at": now})


def _own(tenant: str, files: Mapping[str, str]) -> dict[str, str]:
    """File names within the tenant's folder; `demo/rules.yaml` is rules.yaml for tenant demo."""
    return {name.removeprefix(f"{tenant}/"): text for name, text in files.items()}


def _content(candidate: TenantPolicy) -> dict[str, str]:
    return {
        "content_hash": content_hash(candidate.documents),
        "revision": candidate.revision,
        "files": store.dumps(dict(candidate.documents)),
    }


def _not_an_author(who: SignedIn, found: Draft, what: str) -> None:
    if who.principal.id in found.authors:
        raise Forbidden(f"You wrote on {found.id}, so you may not {what} it.", way_out="A second person does.")
    if not who.principal.id.startswith("person:"):
        raise Forbidden(f"Only a person may {what} a policy.", way_out="Sign in as one.")


def _record(tx: Transaction, who: SignedIn, what: str, draft: str, revision: str, detail: Mapping[str, Any]) -> None:
    record = Record(
        id=ids.new_id("rec"),
        at=clock.iso(clock.now()),
        tenant=who.principal.tenant,
        kind="policy_change",
        who=Who(principal=who.principal.id, chain=(who.principal.id,), signed_in_by=who.method),
        policy_revision=revision,
        detail={"event": what, "draft": draft, **{key: value for key, value in detail.items() if value}},
    )
    log.append(tx, record)


def _draft(row: Row[Any]) -> Draft:
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


def _revisions(connection: Connection, tenant: str) -> tuple[Revision, ...]:
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
