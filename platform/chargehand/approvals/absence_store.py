"""Who is away, and who answers in their place: the table and its queries. Every query names the tenant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlmodel import Field, SQLModel

from chargehand import clock
from chargehand.approvals.model import Absence


class AbsenceRow(SQLModel, table=True):
    __tablename__: Any = "approval_absence"

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    person: str
    to: str
    since: str
    until: str


ABSENCES = SQLModel.metadata.tables["approval_absence"]


def add_absence(connection: Connection, absence: Absence) -> None:
    connection.execute(
        insert(ABSENCES),
        {
            "tenant": absence.tenant,
            "id": absence.id,
            "person": absence.person,
            "to": absence.to,
            "since": clock.iso(absence.since),
            "until": clock.iso(absence.until),
        },
    )


def absences(connection: Connection, tenant: str, *, after: datetime) -> list[Absence]:
    """Absences of one tenant that end later than `after`."""
    query = select(ABSENCES).where(ABSENCES.c.tenant == tenant, ABSENCES.c.until > clock.iso(after))
    return [
        Absence(row.id, row.tenant, row.person, row.to, clock.parse(row.since), clock.parse(row.until))
        for row in connection.execute(query.order_by(ABSENCES.c.since))
    ]


def end_absence(connection: Connection, tenant: str, absence: str, person: str, at: datetime) -> bool:
    return (
        connection.execute(
            update(ABSENCES)
            .where(ABSENCES.c.tenant == tenant, ABSENCES.c.id == absence, ABSENCES.c.person == person)
            .where(ABSENCES.c.until > clock.iso(at))
            .values(until=clock.iso(at))
        ).rowcount
        == 1
    )
