"""Table of the reviews of agents."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, insert, select
from sqlmodel import Field, SQLModel

from chargehand.agents.model import AgentReview
from chargehand.clock import iso, parse


class AgentReviewRow(SQLModel, table=True):
    """A person looked at a version of an agent. What that person said of it stands in the action log."""

    __tablename__: Any = "agent_review"

    tenant: str = Field(primary_key=True)
    agent: str = Field(primary_key=True)
    at: str = Field(primary_key=True)
    person: str = Field(primary_key=True)
    version: str


REVIEWS: Table = SQLModel.metadata.tables["agent_review"]


def add(connection: Connection, tenant: str, review: AgentReview) -> None:
    connection.execute(
        insert(REVIEWS),
        {
            "tenant": tenant,
            "agent": review.agent,
            "at": iso(review.at),
            "person": review.person,
            "version": review.version,
        },
    )


def newest(connection: Connection, tenant: str, agent: str) -> AgentReview | None:
    query = select(REVIEWS).where(REVIEWS.c.tenant == tenant, REVIEWS.c.agent == agent)
    row = connection.execute(query.order_by(REVIEWS.c.at.desc()).limit(1)).first()
    return None if row is None else AgentReview(row.agent, row.version, row.person, parse(row.at))
