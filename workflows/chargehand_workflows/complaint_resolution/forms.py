"""What the agent asks people; the fields become the form that they fill in."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue


def _in_chinese(title: str = "", description: str = "", **values: str) -> dict[str, JsonValue]:
    said: dict[str, JsonValue] = {"title": title, "description": description, "values": dict(values)}
    return {"x-zh": {name: text for name, text in said.items() if text}}


class OrderNumberAsked(BaseModel):
    """Which order is the complaint about?"""

    model_config = ConfigDict(json_schema_extra=_in_chinese(description="这是关于哪个订单的投诉？"))

    order_number: str = Field(
        title="Order number",
        description="Empty if nobody knows.",
        max_length=40,
        examples=["SO-1042"],
        json_schema_extra=_in_chinese("订单号", "没人知道就留空。"),
    )


class CarrierSays(BaseModel):
    """The carrier's system does not answer. Please find out where the goods are."""

    model_config = ConfigDict(json_schema_extra=_in_chinese(description="承运商的系统没有响应。请查明货物在哪里。"))

    status: Literal["delivered", "in transit", "lost", "unknown"] = Field(
        title="Where are the goods?",
        json_schema_extra=_in_chinese(
            "货物在哪里？", **{"delivered": "已送达", "in transit": "运输中", "lost": "丢失", "unknown": "不清楚"}
        ),
    )


class Decide(BaseModel):
    """What is due to the customer?"""

    model_config = ConfigDict(json_schema_extra=_in_chinese(description="应当如何补偿客户？"))

    verdict: Literal["no_refund", "refund", "replacement"] = Field(
        title="What is due",
        json_schema_extra=_in_chinese("应当", no_refund="不予退款", refund="退款", replacement="补发"),
    )
    reason: str = Field(
        title="Why",
        description="One sentence for those who approve and for finance.",
        min_length=3,
        max_length=300,
        json_schema_extra=_in_chinese("理由", "一句话，供审批人和财务阅读。"),
    )


class ReturnStands(BaseModel):
    """No refund is made, and the return could not be cancelled. Please cancel it in the ERP."""

    model_config = ConfigDict(
        json_schema_extra=_in_chinese(description="没有退款，退货单也未能取消。请在 ERP 中取消它。")
    )

    cancelled: bool = Field(title="The return is cancelled now", json_schema_extra=_in_chinese("退货单现已取消"))
