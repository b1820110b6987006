"""What HTTP shows of usage, cost and budgets."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

UsageBy = Literal["agent", "model", "principal", "outcome"]


class UsageRow(BaseModel):
    at: datetime = Field(description="Start of the day, UTC")
    group: str
    calls: int
    tokens_in: int
    tokens_out: int
    cost: str = Field(description="Decimal as text")


class UsageTotals(BaseModel):
    calls: int
    tokens_in: int
    tokens_out: int
    cost: str


class BudgetView(BaseModel):
    name: str
    scope: str
    limit: str
    used: str
    reserved: str
    unit: str
    period: str


class Usage(BaseModel):
    since: datetime
    until: datetime
    by: UsageBy
    currency: str
    rows: list[UsageRow]
    totals: UsageTotals
    budgets: list[BudgetView]
