"""Changing a tenant's policy: draft, review by a second person, activate, roll back. Each step is in the action log.

A draft is a tenant's whole policy. It is linted when saved and again, with its cases, when it is put in force. Whoever
wrote on it can neither review nor activate it; a review counts for exactly the content that was seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from chargehand import clock, ids
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, BadPolicy, Conflict, Forbidden, NotFound
from chargehand.identity.model import SignedIn
from chargehand.policy import store
from chargehand.policy.activation import Change, content, exchange, record
from chargehand.policy.cases import check
from chargehand.policy.drafts import OPEN, Draft, Revision, draft_of, revisions_of
from chargehand.policy.service import PolicyService
from chargehand.policy.snapshot import Documents, TenantPolicy


class PolicyRevisions:
    """The use cases. Who may draft or activate is asked before, of policy itself (`chargehand.draft_policy`, …)."""

    def __init__(self, db: Database, policies: PolicyService) -> None:
        self.db = db
        self.policies = policies

    async def draft(self, who: SignedIn, title: str, files: Mapping[str, str | None], reason: str = "") -> Draft:
        """Propose the policy in force with `files` (rules.yaml, cases/refunds.yaml, …) exchanged, added, or deleted.

        A file whose text is None is deleted.

        Raises:
            BadPolicy: it does not lint; lists every problem with file and line. Nothing was saved.
            BadInput: there is no title, or a file to delete is not there.
        """
        tenant, author = who.principal.tenant, who.principal.id
        if not title.strip():
            raise BadInput("is missing", field="title", way_out="Say in a few words what changes.")
        based_on = self.policies.policy(tenant)
        candidate = await self._compile(tenant, _changed(tenant, based_on.documents, files))
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
            **content(candidate),
        }

        def unit(tx: Transaction) -> None:
            store.add_draft(tx.connection, row)
            record(tx, who, "drafted", row["id"], candidate.revision, {"title": row["title"], "reason": reason})

        await self.db.write(unit)
        return await self.get(tenant, row["id"])

    async def change(
        self,
        who: SignedIn,
        draft: str,
        seen: str,
        *,
        files: Mapping[str, str | None] | None = None,
        title: str | None = None,
        reason: str | None = None,
    ) -> Draft:
        """Change an open draft; `seen` is its content hash as the caller saw it. A review given before is gone.

        Raises:
            BadPolicy, NotFound; Conflict: it changed, or is not open any more.
            BadInput: a file to delete is not there.
        """
        tenant = who.principal.tenant
        found = await self.get(tenant, draft)
        candidate = await self._compile(tenant, _changed(tenant, found.files, files or {}))
        values = {
            "title": (title or found.title).strip(),
            "reason": found.reason if reason is None else reason,
            "authors": store.dumps(list(dict.fromkeys((*found.authors, who.principal.id)))),
            "changed_at": clock.iso(clock.now()),
            "state": "draft",
            "reviewed_by": "",
            "reviewed_at": "",
            "review_comment": "",
            **content(candidate),
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
        return draft_of(row)

    async def drafts(self, tenant: str) -> tuple[Draft, ...]:
        """Newest first."""
        rows = await self.db.read(lambda connection: store.list_drafts(connection, tenant))
        return tuple(draft_of(row) for row in rows)

    async def revisions(self, tenant: str) -> tuple[Revision, ...]:
        """What was in force, newest first; the oldest came from the files."""
        return await self.db.read(lambda connection: revisions_of(connection, tenant))

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
            record(tx, who, what, found.id, revision, {"content_hash": seen, "comment": comment})

        await self.db.write(unit)

    async def _put_in_force(
        self, who: SignedIn, found: Draft, candidate: TenantPolicy, *, based_on: str | None, reason: str = ""
    ) -> None:
        base = self.policies.policy(found.tenant)
        change = Change(who, found, candidate.revision, based_on, reason)
        counter = await self.db.write(lambda tx: exchange(tx, change, base))
        self.policies.put_in_force(candidate, counter=counter, authors=found.authors)


def _changed(tenant: str, before: Documents, files: Mapping[str, str | None]) -> dict[str, str]:
    """`before` with `files` exchanged, or deleted where None. `demo/rules.yaml` is rules.yaml for tenant demo."""
    after = dict(before)
    for given, text in files.items():
        name = given.removeprefix(f"{tenant}/")
        if text is not None:
            after[name] = text
        elif after.pop(name, None) is None:
            there = ", ".join(sorted(after))
            raise BadInput(
                "is not there, so it can't be deleted", field="files", value=name, way_out=f"Files: {there}."
            )
    return after


def _not_an_author(who: SignedIn, found: Draft, what: str) -> None:
    if who.principal.id in found.authors:
        raise Forbidden(f"You wrote on {found.id}, so you may not {what} it.", way_out="A second person does.")
    if not who.principal.id.startswith("person:"):
        raise Forbidden(f"Only a person may {what} a policy.", way_out="Sign in as one.")
