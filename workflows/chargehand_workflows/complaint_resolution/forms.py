"""What the agent asks people; the fields become the form that they fill in."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class OrderNumberAsked(BaseModel):
    """Which order is the complaint about?"""

    order_number: str = Field(
        title="Order number", description="Empty if nobody knows.", max_length=40, examples=["SO-1042"]
    )


class CarrierSays(BaseModel):
    """The carrier's system does not answer. Please find out where the goods are."""

    status: Literal["delivered", "in transit", "lost", "unknown"] = Field(title="Where are the goods?")


class Decide(BaseModel):
    """What is due to the customer?"""

    verdict: Literal["no_refund", "refund", "replacement"] = Field(title="What is due")
    reason: str = Field(
        title="Why", description="One sentence for those who approve and for finance.", min_length=3, max_length=300
    )


class ReturnStands(BaseModel):
    """No refund is made, and the return could not be cancelled. Please cancel it in the ERP."""

    cancelled: bool = Field(title="The return is cancelled now")
