"""The tables of policy and their queries. Every query names the tenant; nothing here decides anything.

A draft's files are frozen by its content hash; what is in force is one row a tenant, whose counter the watcher polls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Table, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel

AnyRow = Row[Any]


class DraftRow(SQLModel, table=True):
    """A proposed policy, whole. `authors` is everybody who wrote on it, JSON. Times are RFC 3339 text in UTC."""

    __tablename__: Any = "policy_draft"

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    title: str
    reason: str = ""
    author: str
    authors: str
    based_on: str
    content_hash: str
    revision: str
    files: str
    state: str = Field(index=True)
    created_at: str = Field(index=True)
    changed_at: str
    reviewed_by: str = ""
    reviewed_at: str = ""
    review_comment: str = ""


class ActivationRow(SQLModel, table=True):
    """Each time a policy was put in force. Never changed."""

    __tablename__: Any = "policy_activation"

    tenant: str = Field(primary_key=True)
    counter: int = Field(primary_key=True)
    draft: str
    revision: str
    title: str
    authors: str
    reviewed_by: str
    activated_by: str
    activated_at: str
    reason: str = ""
    rolled_back: bool = False


class InForceRow(SQLModel, table=True):
    """Which draft is in force. `counter` counts activations: a process that sees it change loads again."""

    __tablename__: Any = "policy_in_force"

    tenant: str = Field(primary_key=True)
    counter: int
    draft: str
    revision: str


def _table(row: type[SQLModel]) -> Table:
    found: Any = getattr(row, "__table__")  # noqa: B009  # SQLModel does not type it
    return found


DRAFTS = _table(DraftRow)
ACTIVATIONS = _table(ActivationRow)
IN_FORCE = _table(InForceRow)
_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def add_draft(connection: Connection, row: Mapping[str, Any]) -> None:
    connection.execute(insert(DRAFTS).values(**row))


def get_draft(connection: Connection, tenant: str, draft: str) -> Row[Any] | None:
    return connection.execute(select(DRAFTS).where(DRAFTS.c.tenant == tenant, DRAFTS.c.id == draft)).first()


def list_drafts(connection: Connection, tenant: str, limit: int = 200) -> Sequence[Row[Any]]:
    """Newest first."""
    query = select(DRAFTS).where(DRAFTS.c.tenant == tenant).order_by(DRAFTS.c.created_at.desc(), DRAFTS.c.id.desc())
    return connection.execute(query.limit(limit)).all()


def change_draft(
    connection: Connection, tenant: str, draft: str, values: Mapping[str, Any], *, states: tuple[str, ...], seen: str
) -> bool:
    """Change a draft that is still in one of `states` with the content hash `seen`; False: it is not."""
    where = (
        DRAFTS.c.tenant == tenant,
        DRAFTS.c.id == draft,
        DRAFTS.c.state.in_(states),
        DRAFTS.c.content_hash == seen,
    )
    return connection.execute(update(DRAFTS).where(*where).values(**values)).rowcount == 1


def put_in_force(
    connection: Connection, tenant: str, draft: str, revision: str, *, counter: int, expected: int
) -> bool:
    """Exchange what is in force if its counter is still `expected` (0: nothing was); False: somebody was faster."""
    values = {"draft": draft, "revision": revision, "counter": counter}
    if expected == 0:
        first = _INSERTS[connection.dialect.name](IN_FORCE).values(tenant=tenant, **values)
        return connection.execute(first.on_conflict_do_nothing().returning(IN_FORCE.c.tenant)).first() is not None
    where = (IN_FORCE.c.tenant == tenant, IN_FORCE.c.counter == expected)
    return connection.execute(update(IN_FORCE).where(*where).values(**values)).rowcount == 1


def supersede(connection: Connection, tenant: str, but: str) -> None:
    """The draft that was in force before is not any more."""
    where = (DRAFTS.c.tenant == tenant, DRAFTS.c.state == "active", DRAFTS.c.id != but)
    connection.execute(update(DRAFTS).where(*where).values(state="superseded"))


def add_activation(connection: Connection, row: Mapping[str, Any]) -> None:
    connection.execute(insert(ACTIVATIONS).values(**row))


def list_activations(connection: Connection, tenant: str) -> Sequence[Row[Any]]:
    """Newest first."""
    query = select(ACTIVATIONS).where(ACTIVATIONS.c.tenant == tenant).order_by(ACTIVATIONS.c.counter.desc())
    return connection.execute(query).all()


def in_force(connection: Connection, tenant: str) -> Row[Any] | None:
    return connection.execute(select(IN_FORCE).where(IN_FORCE.c.tenant == tenant)).first()


def counters(connection: Connection) -> dict[str, int]:
    """Every tenant with a policy from the database, with its counter: what the watcher polls."""
    rows = connection.execute(select(IN_FORCE.c.tenant, IN_FORCE.c.counter))
    return {row.tenant: row.counter for row in rows}


def dumps(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def loads(text: str) -> Any:
    return orjson.loads(text)
