"""What an agent may do with mail: send one plain text to one address, once for each key."""

from __future__ import annotations

from chargehand.connectors.declare import tool
from chargehand.connectors.model import PersonalData
from chargehand_connectors.mail.model import Address, Body, Key, MailLookup, Reference, SentMail, Subject

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
