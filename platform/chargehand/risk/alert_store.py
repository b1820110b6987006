"""What became of an alert. The alert itself is found anew in the action log whenever it is looked for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table
from sqlmodel import Field, SQLModel


class HandledAlertRow(SQLModel, table=True):
    __tablename__: Any = "alert_handled"

    tenant: str = Field(primary_key=True)
    alert: str = Field(primary_key=True)
    state: str
    handled_by: str
    comment: str
    at: str


HANDLED: Table = SQLModel.metadata.tables["alert_handled"]
