"""Saved queries: a filter under a name, for one person or for the whole tenant."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from chargehand import clock
from chargehand.audit.store import SavedQueryRow, table
from chargehand.errors import BadInput, NotFound

MAX_NAME_LENGTH = 80

_S = table(SavedQueryRow).c


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """`owner` empty: shared with the tenant."""

    name: str
    filter: str
    owner: str
    created_at: str


def save(connection: Connection, tenant: str, owner: str, name: str, filter: str) -> None:  # noqa: A002
    """Keep or replace. Raises BadInput for a name that can't be shown."""
    if not name.strip() or len(name) > MAX_NAME_LENGTH:
        raise BadInput("Not a name.", field="name", value=name, way_out=f"Use 1 to {MAX_NAME_LENGTH} characters.")
    rows = table(SavedQueryRow)
    mine = (_S.tenant == tenant) & (_S.owner == owner) & (_S.name == name)
    connection.execute(rows.delete().where(mine))
    connection.execute(
        rows.insert().values(tenant=tenant, owner=owner, name=name, filter=filter, created_at=clock.iso(clock.now()))
    )


def listed(connection: Connection, tenant: str, owner: str) -> tuple[SavedQuery, ...]:
    """The owner's own and the shared ones, by name."""
    found = connection.execute(
        select(_S.name, _S.filter, _S.owner, _S.created_at)
        .where(_S.tenant == tenant, _S.owner.in_([owner, ""]))
        .order_by(_S.name, _S.owner)
    )
    return tuple(SavedQuery(*row) for row in found)


def delete(connection: Connection, tenant: str, owner: str, name: str) -> None:
    """Raises NotFound."""
    mine = (_S.tenant == tenant) & (_S.owner == owner) & (_S.name == name)
    if connection.execute(table(SavedQueryRow).delete().where(mine)).rowcount != 1:
        raise NotFound(f"No saved query {name!r}.")
