"""What can be done with mail: send one plain text to one address, once for each key; read what came to an address."""

from __future__ import annotations

from chargehand.connectors.declare import tool
from chargehand.connectors.model import PersonalData
from chargehand_connectors.mail.model import (
    Address,
    Body,
    Count,
    Cursor,
    Key,
    MailLookup,
    NewMails,
    Reference,
    SentMail,
    Subject,
)

# A signature is all there is; pyright wants a body that returns nothing to say so.
# ruff: noqa: PIE790


@tool(
    effect="irreversible",
    delivery="keyed",
    lookup="find_by_key",
    says="Send a mail to {to}: {subject}",
    says_zh="向 {to} 发送邮件：{subject}",
    personal=(PersonalData("email", "to", ("to", "subject", "body")),),
)
async def send(to: Address, subject: Subject, body: Body, reference: Reference = "") -> SentMail:
    """Send a plain-text mail to one address. `reference` is the order or complaint that it is about."""
    ...


@tool(effect="read", delivery="safe", says="Look up the mail of key {key}", says_zh="按键 {key} 查找邮件")
async def find_by_key(key: Key) -> MailLookup:
    """Say whether the mail of the call with that idempotency key was sent."""
    ...


@tool(effect="read", delivery="safe", says="Read what came by mail to {to}", says_zh="读取发给 {to} 的来信")
async def list_new(to: Address, after: Cursor = "", limit: Count = 20) -> NewMails:
    """Read what came to an address after a cursor, oldest first; automatic answers (RFC 3834) are left out."""
    ...
