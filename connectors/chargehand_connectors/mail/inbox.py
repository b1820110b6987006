"""What came to an address, asked of a mailbox service page by page. A read: asking again asks again."""

from __future__ import annotations

import httpx
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from chargehand.connectors import strict
from chargehand.connectors.incoming import Incoming
from chargehand.errors import BadInput, Unavailable
from chargehand_connectors.mail import letter
from chargehand_connectors.mail.model import NewMails, ReceivedMail

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""50 mails of the largest size that the demo server takes; a mailbox that sends more is not read."""


class _Mail(BaseModel):
    """As the mailbox service writes it, as far as we need it."""

    id: int
    message_id: str
    sender: str = Field(alias="from")
    to: list[str]
    subject: str
    text: str
    automatic: bool
    received_at: AwareDatetime


class _Answer(BaseModel):
    messages: list[_Mail]
    last: int


async def read(incoming: Incoming, url: str, *, to: str, after: str, limit: int) -> NewMails:
    """The next mails to that address.

    Raises:
        Unavailable: the service can't be asked, or does not answer as it should.
        BadInput: the cursor is of an IMAP mailbox.
    """
    if ":" in after:
        raise BadInput(
            "this position is one of an IMAP mailbox", field="arguments.after", value=after, way_out="Begin anew: end."
        )
    if after == "end":
        answer = await _ask(incoming, url, to=to, after=0, limit=1)
        return NewMails(messages=[], cursor=str(answer.last))
    answer = await _ask(incoming, url, to=to, after=int(after or 0), limit=limit)
    mails = answer.messages
    # A page that is not full was the last one: the mails of others that came meanwhile are not looked through again.
    newest = mails[-1].id if mails else int(after or 0)
    cursor = newest if len(mails) == limit else max(answer.last, newest)
    return NewMails(messages=[_mail(one) for one in mails if not one.automatic], cursor=str(cursor))


def _mail(one: _Mail) -> ReceivedMail:
    subject, text = letter.one_line(one.subject)[: letter.MAX_SUBJECT], letter.printable(one.text)
    text = text[: letter.MAX_TEXT].strip()
    return ReceivedMail(
        id=one.message_id[: letter.MAX_ID] or f"mail-{one.id}",
        sender=one.sender[: letter.MAX_ADDRESS],
        to=one.to,
        subject=subject,
        text=text,
        references=letter.references(f"{subject}\n{text}"),
        received_at=one.received_at,
    )


async def _ask(incoming: Incoming, url: str, *, to: str, after: int, limit: int) -> _Answer:
    try:
        time_out = max(min(incoming.seconds_left(), 10.0), 0.1)
        async with httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=time_out) as client:
            query = {"to": to, "after": str(after), "limit": str(limit)}
            answer = await client.get(f"{url.rstrip('/')}/api/messages", params=query)
        if answer.status_code != 200 or len(answer.content) > MAX_ANSWER_BYTES:
            raise Unavailable(f"The mailbox could not be read ({answer.status_code}).")
        return _Answer.model_validate(strict.loads(answer.content))
    except (httpx.HTTPError, BadInput, ValidationError) as error:
        raise Unavailable(f"The mailbox could not be read ({type(error).__name__}).") from error
