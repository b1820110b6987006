"""Forgetting a person: the log's own part, and what the other rooms have in common for theirs.

The unit of forgetting is the run. A person's keys say in which runs the person appears; every key of those runs is
destroyed, the index of their records is derived afresh, and each room empties its working copies of them. The leaves
stay as they are, so every proof stays valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Table, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from chargehand import clock
from chargehand.audit import projection, query
from chargehand.audit.filter import parse
from chargehand.audit.log import append
from chargehand.audit.model import Record, Who
from chargehand.audit.personal import erase
from chargehand.audit.retention import holds
from chargehand.audit.store import ErasedRunRow, LeafRow, RecordRow, SubjectKeyRow, table
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, Conflict, NotFound, Unavailable
from chargehand.ids import new_id

AT_ONCE = 400
"""Values in one IN list."""

NAMED = 10
"""Runs or places that a message names."""

_K, _R, _L, _E = table(SubjectKeyRow).c, table(RecordRow).c, table(LeafRow).c, table(ErasedRunRow).c


@dataclass(frozen=True, slots=True)
class Mention:
    """A place outside of the person's runs where the name still stands, for a person to look at."""

    place: str
    id: str


@dataclass(frozen=True, slots=True)
class Erased:
    """`keys` that were destroyed, the `runs` that were emptied, `exports` removed, and what is `left`."""

    subject: str
    keys: int
    runs: tuple[str, ...]
    exports: int
    left: tuple[Mention, ...]


class Eraser(Protocol):
    """Erases a person everywhere; see `runs.erasure`."""

    async def erase(self, tenant: str, subject: str, *, who: Who, reason: str) -> Erased: ...


def forget(tx: Transaction, tenant: str, subject: str, runs: Sequence[str], *, who: Who, reason: str) -> int:
    """Destroy every key of `subject` and of `runs` in the log; how many. Recorded, without the subject's name.

    Raises:
        BadInput: no subject.
        NotFound: the log holds nothing sealed for it.
        Conflict: a legal hold keeps records of it.
        Unavailable: a hold might keep records of it that are not queryable yet; project, and ask again.
    """
    if not subject.strip():
        raise BadInput("Nobody is named.", field="subject", value=subject)
    connection = tx.connection
    outside = _outside_of_runs(connection, tenant, subject)
    _check_holds(connection, tenant, subject, runs, outside)
    refs = erase(tx, tenant, subject, runs)
    if not refs and not runs:
        raise NotFound("The log holds no data of that subject.", way_out="It may have been erased before.")
    for some in parts(outside):
        projection.derive_words(connection, tenant, some)
    _remember(connection, tenant, runs)
    detail = {"act": "erase", "keys": list(refs)[:AT_ONCE], "runs": list(runs)[:AT_ONCE], "reason": reason}
    append(
        tx,
        Record(id=new_id("rec"), at=clock.iso(clock.now()), tenant=tenant, kind="access", who=who, detail=detail),
    )
    return len(refs)


def derive_again(db: Database, tenant: str, runs: Iterable[str]) -> None:
    """Take the words of erased runs out of the index. To be called after the erasure, which no reader is held up by."""
    projection.project(db, tenant)
    for run in runs:
        of_run = select(_R.seq).where(_R.tenant == tenant, _R.run == run, _R.run != "").order_by(_R.seq)
        seqs = db.read_now(lambda connection, of_run=of_run: list(connection.execute(of_run).scalars()))
        for some in parts(seqs):
            db.write_now(lambda tx, some=some: projection.derive_words(tx.connection, tenant, some))


def histories_due(connection: Connection, limit: int = 20) -> list[tuple[str, str]]:
    """(tenant, run) of erased runs whose history must still be deleted."""
    found = select(_E.tenant, _E.run).where(_E.history_gone_at == "").order_by(_E.erased_at).limit(limit)
    return [(row.tenant, row.run) for row in connection.execute(found)]


def history_gone(tx: Transaction, tenant: str, run: str) -> None:
    """Note that nothing of the run's history is left."""
    mine = (_E.tenant == tenant) & (_E.run == run)
    tx.connection.execute(update(table(ErasedRunRow)).where(mine).values(history_gone_at=clock.iso(clock.now())))


def erased_at(connection: Connection, tenant: str, run: str) -> str:
    """When a run's data was erased, RFC 3339; empty: it was not."""
    found = select(_E.erased_at).where(_E.tenant == tenant, _E.run == run)
    return connection.execute(found).scalar_one_or_none() or ""


def refuse_erased(connection: Connection, tenant: str, run: str) -> None:
    """Raises Conflict if the run's data was erased: what begins from it again would begin from nothing."""
    if at := erased_at(connection, tenant, run):
        raise Conflict(f"The personal data of this run was erased on {at[:10]}.", way_out="Start it afresh.")


def empty(connection: Connection, of: Table, where: ColumnElement[bool], values: Mapping[str, Any]) -> int:
    """Overwrite columns of the rows that match; how many."""
    return connection.execute(update(of).where(where).values(**values)).rowcount


def parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """`values` in pieces that fit into one statement."""
    return (values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE))


def refuse_open(runs: Sequence[str], what: str) -> None:
    """Raises Conflict where something still goes on: erasing would change what was decided."""
    if runs:
        named = ", ".join(runs[:NAMED]) + (" and others" if len(runs) > NAMED else "")
        raise Conflict(
            f"Something about this person still goes on: {what} {named}.",
            way_out="Wait until it has ended, or stop it; then erase.",
        )


def _outside_of_runs(connection: Connection, tenant: str, subject: str) -> list[int]:
    """Numbers of the records outside of runs in which something of the subject is sealed."""
    mine = (_K.tenant == tenant) & (_K.subject == subject) & (_K.run == "")
    keys = connection.execute(select(_K.ref, _K.created_at).where(mine)).all()
    if not keys:
        return []
    refs = [key.ref.encode() for key in keys]
    since = projection.micros(min(key.created_at for key in keys)) - 60_000_000
    rows = connection.execute(
        select(_R.seq, _L.leaf)
        .join_from(table(RecordRow), table(LeafRow), (_L.tenant == _R.tenant) & (_L.seq == _R.seq))
        .where(_R.tenant == tenant, _R.at >= since, _L.leaf.is_not(None))
    )
    return [row.seq for row in rows if any(ref in bytes(row.leaf) for ref in refs)]


def _check_holds(connection: Connection, tenant: str, subject: str, runs: Sequence[str], seqs: Sequence[int]) -> None:
    in_force = holds(connection, tenant)
    if in_force and _has_pending(connection, tenant, subject, runs):
        raise Unavailable(
            "Records of this person were just written, and nobody knows yet whether a legal hold keeps them.",
            way_out="Ask again in a moment.",
        )
    for hold in in_force:
        kept = query.where(connection, tenant, parse(hold.filter, at=clock.parse(hold.placed_at)), personal=True)
        mine = [_R.run.in_(some) for some in parts(runs)] + [_R.seq.in_(some) for some in parts(seqs)]
        for some in mine:
            if connection.execute(select(_R.seq).where(kept, some).limit(1)).first() is not None:
                raise Conflict(
                    f"The legal hold {hold.id} keeps records of this person: {hold.reason}",
                    way_out="Lift the hold first, if the law allows it.",
                )


def _has_pending(connection: Connection, tenant: str, subject: str, runs: Sequence[str]) -> bool:
    """Whether the log has records of these runs, or of the subject, that no filter finds yet."""
    mine = (_K.tenant == tenant) & (_K.subject == subject)
    refs = [ref.encode() for ref in connection.execute(select(_K.ref).where(mine)).scalars()]
    named = [f'"run":"{run}"'.encode() for run in runs]
    return any(mark in leaf for leaf in projection.pending(connection, tenant) for mark in (*refs, *named))


def _remember(connection: Connection, tenant: str, runs: Sequence[str]) -> None:
    insert = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    at = clock.iso(clock.now())
    rows = [{"tenant": tenant, "run": run, "erased_at": at, "history_gone_at": ""} for run in runs]
    if rows:
        again = insert(table(ErasedRunRow))
        again = again.on_conflict_do_update(index_elements=["tenant", "run"], set_={"history_gone_at": ""})
        connection.execute(again, rows)
