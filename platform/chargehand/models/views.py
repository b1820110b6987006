"""What HTTP shows of usage and cost."""

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
    cost: str = Field(description="Decimal as text, of the calls whose price is known")
    currency: str
    unpriced: int = Field(description="Calls whose model has no known price")


class UsageTotal(BaseModel):
    calls: int
    tokens_in: int
    tokens_out: int
    cost: str
    currency: str
    unpriced: int


class Budget(BaseModel):
    scope: str = Field(description="`run:<id>`, `agent:<name>` or `tenant`")
    unit: str = Field(description="`calls`, or a currency code")
    limit: str
    reserved: str
    spent: str


class Usage(BaseModel):
    since: datetime
    until: datetime
    by: UsageBy
    rows: list[UsageRow]
    totals: list[UsageTotal] = Field(description="One for each currency")
    budgets: list[Budget]
