"""The mail tools over SMTP. The key names the mail: its Message-ID is made from it, and is sent at most once."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime

from chargehand import clock
from chargehand.connectors.incoming import Incoming
from chargehand.connectors.keyed import KeyedEffects
from chargehand.errors import Ambiguous, BadInput
from chargehand_connectors.mail import config, imap, inbox, lookup
from chargehand_connectors.mail.model import MailLookup, NewMails, SentMail
from chargehand_connectors.mail.smtp import deliver

SEND = "mail.send"


class Mail:
    """One method for each declared tool."""

    def __init__(self, settings: config.MailSettings, effects: KeyedEffects) -> None:
        self._settings = settings
        self._effects = effects

    async def send(self, incoming: Incoming, *, to: str, subject: str, body: str, reference: str) -> SentMail:
        message_id = self._message_id(incoming.key)
        message = EmailMessage(policy=SMTP_POLICY.clone(cte_type="7bit"))
        message["Message-ID"] = message_id
        message["Date"] = format_datetime(clock.now())
        message["From"] = self._settings.sender
        message["To"] = to
        message["Subject"] = subject
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers to a machine
        if reference:
            message["X-Reference"] = reference
        message.set_content(body)

        async def create() -> SentMail:
            await deliver(incoming, self._settings, message, to)
            return SentMail(message_id=message_id, to=to, subject=subject, accepted_at=clock.now())

        arguments = {"to": to, "subject": subject, "body": body, "reference": reference}
        return await self._effects.remote(
            incoming, arguments, SentMail, lookup=lambda: self._arrived(incoming, message_id), create=create
        )

    async def find_by_key(self, incoming: Incoming, *, key: str) -> MailLookup:
        message_id = self._message_id(key)
        standing = self._effects.standing(key, SEND)
        if standing == "under way":
            raise Ambiguous("The mail is being sent right now.")
        mail = self._effects.find(key, SEND, SentMail)
        if mail is None and (standing == "stopped" or self._settings.lookup_url):
            mail = await self._arrived(incoming, message_id)
        found = mail is not None
        return MailLookup(key=key, found=found, finished=found, message_id=message_id, mail=mail)

    async def list_new(self, incoming: Incoming, *, to: str, after: str, limit: int) -> NewMails:
        if self._settings.imap_host:
            return await imap.read(incoming, self._settings, to=to, after=after, limit=limit)
        if not self._settings.lookup_url:
            raise BadInput(
                "there is no mailbox to read",
                field="to",
                way_out="Name an IMAP server in CHARGEHAND_MAIL_IMAP_HOST.",
            )
        return await inbox.read(incoming, self._settings.lookup_url, to=to, after=after, limit=limit)

    async def _arrived(self, incoming: Incoming, message_id: str) -> SentMail | None:
        """Raises Ambiguous where no mailbox service can be asked: SMTP itself can't look back."""
        if not self._settings.lookup_url:
            raise Ambiguous(
                f"An earlier attempt to send {message_id} ended without a reply, and there is no mailbox to search.",
                way_out="Look for that Message-ID in the mail server's log.",
            )
        mail = await lookup.find(incoming, self._settings.lookup_url, message_id)
        if mail is None:
            return None
        return SentMail(message_id=message_id, to=mail.to[0], subject=mail.subject, accepted_at=mail.received_at)

    def _message_id(self, key: str) -> str:
        domain = self._settings.sender.rpartition("@")[2] or "localhost"
        return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"


@asynccontextmanager
async def open_mail() -> AsyncGenerator[Mail]:
    """The connector's system, from its variables. Raises BadSettings."""
    settings = config.load()
    effects = KeyedEffects(settings.state)
    try:
        yield Mail(settings, effects)
    finally:
        effects.close()
