"""The table of how new runs were routed when it was last written down: one row for each place that routes."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Column, Text, select
from sqlmodel import Field, SQLModel

from chargehand.database import Transaction
from chargehand.runs.store import insert_ignore, table


class RoutingRow(SQLModel, table=True):
    """`position` grows with each change, as text: who read Temporal earlier does not overwrite what came later."""

    __tablename__: Any = "release_routing"

    place: str = Field(primary_key=True)
    tenant: str
    position: str
    routing: str = Field(sa_column=Column(Text, nullable=False))


ROUTING = table(RoutingRow)


class Known(NamedTuple):
    position: str
    routing: str


def move(tx: Transaction, tenant: str, place: str, position: str, routing: str) -> Known | None:
    """Write down a routing that is newer; what was known before, empty at first. None: it was written already."""
    first = RoutingRow(place=place, tenant=tenant, position="", routing="")
    insert_ignore(tx.connection, ROUTING, [first.model_dump()])
    mine = (ROUTING.c.tenant == tenant, ROUTING.c.place == place)
    before = tx.connection.execute(select(ROUTING.c.position, ROUTING.c.routing).where(*mine)).one_or_none()
    if before is None:
        return None
    newer = (*mine, ROUTING.c.position == before.position, ROUTING.c.position < position)
    moved = tx.connection.execute(ROUTING.update().where(*newer).values(position=position, routing=routing))
    return Known(before.position, before.routing) if moved.rowcount == 1 else None
