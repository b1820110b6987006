"""Which runs must still hear of a closed request: the table and its queries. One relay serves every tenant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlmodel import Field, SQLModel

from chargehand import clock
from chargehand.approvals.model import Notification


class OutboxRow(SQLModel, table=True):
    """Runs that must hear of a closed request; a row without `notified_at` is still to be delivered."""

    __tablename__: Any = "approval_outbox"

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    run: str
    approval: str
    state: str
    at: str
    notified_at: str = Field("", index=True)


OUTBOX = SQLModel.metadata.tables["approval_outbox"]


def add_notification(connection: Connection, notification: Notification) -> None:
    connection.execute(
        insert(OUTBOX),
        {
            "tenant": notification.tenant,
            "id": notification.id,
            "run": notification.run,
            "approval": notification.approval,
            "state": notification.state,
            "at": clock.iso(notification.at),
            "notified_at": "",
        },
    )


def pending_notifications(connection: Connection, limit: int) -> list[Notification]:
    """Oldest first, of every tenant: one relay serves them all."""
    query = select(OUTBOX).where(OUTBOX.c.notified_at == "").order_by(OUTBOX.c.at, OUTBOX.c.id).limit(limit)
    return [
        Notification(row.id, row.tenant, row.run, row.approval, row.state, clock.parse(row.at))
        for row in connection.execute(query)
    ]


def mark_notified(connection: Connection, notification: str, at: datetime) -> bool:
    return (
        connection.execute(
            update(OUTBOX)
            .where(OUTBOX.c.id == notification, OUTBOX.c.notified_at == "")
            .values(notified_at=clock.iso(at))
        ).rowcount
        == 1
    )
