"""The table of errands: what the API asks of the gateway worker, and its answer, until the API has read it.

A row is its own authority: agents reach Temporal, but not the database, so none of them can ask for anything.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Column, Index, Text
from sqlmodel import Field, SQLModel

from chargehand.clock import iso
from chargehand.database import Transaction
from chargehand.runs.store import table


class ErrandRow(SQLModel, table=True):
    """`state`: asked, taken (its request is gone, it may have been done), answered."""

    __tablename__: Any = "errand"

    id: str = Field(primary_key=True)
    tenant: str
    state: str
    request: str = Field(sa_column=Column(Text, nullable=False))
    answer: str = Field(sa_column=Column(Text, nullable=False))
    asked_at: str


ERRAND = table(ErrandRow)
Index("ix_errand_asked_at", ERRAND.c.asked_at)


class Ended(NamedTuple):
    state: str
    answer: str


def add(tx: Transaction, tenant: str, errand: str, request: str, at: datetime, *, forget_before: datetime) -> None:
    """Ask; and forget what an API that died never read."""
    tx.connection.execute(ERRAND.delete().where(ERRAND.c.tenant == tenant, ERRAND.c.asked_at < iso(forget_before)))
    row = ErrandRow(id=errand, tenant=tenant, state="asked", request=request, answer="", asked_at=iso(at))
    tx.connection.execute(ERRAND.insert(), row.model_dump())


def take(tx: Transaction, tenant: str, errand: str) -> str:
    """The request, for the only one who gets it; empty for everybody after that, or when there is none."""
    mine = (ERRAND.c.tenant == tenant, ERRAND.c.id == errand, ERRAND.c.state == "asked")
    request = tx.connection.execute(ERRAND.select().with_only_columns(ERRAND.c.request).where(*mine)).scalar()
    if request is None:
        return ""
    taken = tx.connection.execute(ERRAND.update().where(*mine).values(state="taken", request=""))
    return str(request) if taken.rowcount == 1 else ""


def answer(tx: Transaction, tenant: str, errand: str, said: str) -> None:
    mine = (ERRAND.c.tenant == tenant, ERRAND.c.id == errand, ERRAND.c.state == "taken")
    tx.connection.execute(ERRAND.update().where(*mine).values(state="answered", answer=said))


def end(tx: Transaction, tenant: str, errand: str) -> Ended:
    """How it stands, for whoever asked; the row is gone after that, so nobody takes it any more."""
    mine = (ERRAND.c.tenant == tenant, ERRAND.c.id == errand)
    gone = tx.connection.execute(ERRAND.delete().where(*mine).returning(ERRAND.c.state, ERRAND.c.answer)).one_or_none()
    return Ended("", "") if gone is None else Ended(gone.state, gone.answer)
