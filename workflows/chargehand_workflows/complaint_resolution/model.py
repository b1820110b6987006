"""What a complaint says, what is decided about it, and what came of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from chargehand.connectors.declare import Amount

Wish = Literal["refund", "replacement", "unsure"]
Verdict = Literal["no_refund", "refund", "replacement", "unclear"]
Category = Literal["damaged", "lost", "wrong_item", "missing_parts", "late", "changed_mind", "other"]
Result = Literal["refunded", "replaced", "no_refund", "not_done", "order_unknown"]


def _in_chinese(title: str) -> dict[str, JsonValue]:
    return {"x-zh": {"title": title}}


class Complaint(BaseModel):
    """A customer's complaint, as customer service takes it down."""

    model_config = ConfigDict(extra="forbid", title="Complaint")

    text: str = Field(
        title="What happened",
        description="The customer's own words.",
        min_length=3,
        max_length=4000,
        examples=["The machine arrived with a broken housing."],
        json_schema_extra={"x-zh": {"title": "发生了什么", "description": "客户的原话。"}},
    )
    order_number: str = Field(
        "",
        title="Order number",
        description="As on the order confirmation. Leave it empty if the customer did not say: we ask.",
        max_length=40,
        examples=["SO-1042"],
        json_schema_extra={"x-zh": {"title": "订单号", "description": "见订单确认书。客户没说就留空：我们会询问。"}},
    )
    wish: Wish = Field(
        "unsure",
        title="What the customer wants",
        json_schema_extra={
            "x-zh": {
                "title": "客户的诉求",
                "values": {"refund": "退款", "replacement": "补发", "unsure": "不确定"},
            }
        },
    )
    amount: Amount | None = Field(
        None,
        title="Amount to refund",
        description="In the order's currency, with a point: 1280.00. Empty: all that can be refunded.",
        json_schema_extra={
            "unit": "currency of the order",
            "x-zh": {"title": "退款金额", "description": "以订单货币计，小数点写法：1280.00。留空：全部可退金额。"},
        },
    )


VERDICTS_ZH: dict[Verdict, str] = {
    "no_refund": "不予退款",
    "refund": "退款",
    "replacement": "补发",
    "unclear": "不明确",
}


class Assessment(BaseModel):
    """What the complaint is about and what follows from it. Never an amount: that comes from people and the ERP."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    category: Category
    verdict: Verdict
    reason: Annotated[str, Field(min_length=3, max_length=300, description="One sentence for the people who approve")]


class Resolution(BaseModel):
    """What came of a complaint. Numbers are those of the ERP's documents, empty where there is none."""

    result: Result = Field(
        json_schema_extra={
            "x-ending": {"not_done": ["not_done", "order_unknown"]},
            "x-zh": {
                "title": "结果",
                "values": {
                    "refunded": "已退款",
                    "replaced": "已补发",
                    "no_refund": "不予退款",
                    "not_done": "未办成",
                    "order_unknown": "订单未知",
                },
            },
        }
    )
    reason: str = Field(json_schema_extra=_in_chinese("理由"))
    decided_by: str = Field(title="Decided by", json_schema_extra=_in_chinese("决定者"))
    order_number: str = Field("", title="Order", json_schema_extra=_in_chinese("订单"))
    complaint_number: str = Field("", title="Complaint", json_schema_extra=_in_chinese("投诉单"))
    return_number: str = Field("", title="Return", json_schema_extra=_in_chinese("退货单"))
    credit_note: str = Field("", title="Credit note", json_schema_extra=_in_chinese("贷项凭证"))
    replacement: str = Field("", title="Replacement", json_schema_extra=_in_chinese("补发订单"))
    amount: Decimal | None = Field(None, json_schema_extra=_in_chinese("金额"))
    currency: str = Field("", json_schema_extra=_in_chinese("币种"))
    mail: str = Field("", title="Mail to finance", json_schema_extra=_in_chinese("致财务的邮件") | {"x-link": "mail"})
