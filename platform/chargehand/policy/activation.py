"""Putting a policy in force: one transaction that exchanges it, remembers it and records it, or does nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chargehand import clock, ids
from chargehand.audit import log
from chargehand.audit.model import Record, Who
from chargehand.database import Transaction
from chargehand.errors import Conflict
from chargehand.identity.model import SignedIn
from chargehand.policy import store
from chargehand.policy.compiling import content_hash
from chargehand.policy.drafts import Draft
from chargehand.policy.snapshot import TenantPolicy


@dataclass(frozen=True, slots=True)
class Change:
    """`based_on` is None when an earlier revision is put in force again."""

    who: SignedIn
    draft: Draft
    revision: str
    based_on: str | None
    reason: str

    @property
    def what(self) -> str:
        return "rolled back" if self.based_on is None else "activated"


def exchange(tx: Transaction, change: Change, base: TenantPolicy) -> int:
    """Put the change in force in one transaction, with its record; the new counter."""
    draft, tenant = change.draft, change.draft.tenant
    current = store.in_force(tx.connection, tenant)
    now_in_force = base.revision if current is None else current.revision
    if change.based_on is not None and now_in_force != change.based_on:
        detail = f"{draft.id} is based on {change.based_on}, which is no longer in force."
        raise Conflict(detail, way_out="Draft the change again on what is.")
    counter = 2 if current is None else current.counter + 1
    expected = 0 if current is None else current.counter
    if not store.put_in_force(tx.connection, tenant, draft.id, change.revision, counter=counter, expected=expected):
        raise Conflict("Somebody else put a policy in force just now.", way_out="Look again.")
    if current is None:
        _keep_files(tx.connection, base)
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
    record(tx, change.who, change.what, draft.id, change.revision, detail)
    return counter


def _keep_files(connection: store.Connection, base: TenantPolicy) -> None:
    """The policy that came from files becomes the tenant's first revision, so that it can be rolled back to."""
    now = clock.iso(clock.now())
    draft = ids.new_id("pol")
    title = "The policy that came with the files"
    row = {"tenant": base.tenant, "id": draft, "title": title, "author": "", "authors": "[]", "based_on": ""}
    store.add_draft(connection, {**row, "state": "active", "created_at": now, "changed_at": now, **content(base)})
    activation = {"tenant": base.tenant, "counter": 1, "draft": draft, "revision": base.revision, "title": title}
    people = {"authors": "[]", "reviewed_by": "", "activated_by": ""}
    store.add_activation(connection, {**activation, **people, "activated_at": now})


def content(candidate: TenantPolicy) -> dict[str, str]:
    return {
        "content_hash": content_hash(candidate.documents),
        "revision": candidate.revision,
        "files": store.dumps(dict(candidate.documents)),
    }


def record(tx: Transaction, who: SignedIn, what: str, draft: str, revision: str, detail: Mapping[str, Any]) -> None:
    said = Record(
        id=ids.new_id("rec"),
        at=clock.iso(clock.now()),
        tenant=who.principal.tenant,
        kind="policy_change",
        who=Who(principal=who.principal.id, chain=(who.principal.id,), signed_in_by=who.method),
        policy_revision=revision,
        detail={"event": what, "draft": draft, **{key: value for key, value in detail.items() if value}},
    )
    log.append(tx, said)
