"""What came into a folder of an IMAP mailbox (RFC 3501), page by page. Reading leaves no trace in the mailbox.

A cursor is `UIDVALIDITY:UID` of the last mail that was looked at. UIDs only ever grow while UIDVALIDITY stays, so a
restart neither loses nor repeats a mail; where it changed, the numbers mean nothing any more and a person decides.
"""

from __future__ import annotations

import asyncio
import imaplib
import ssl
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from imapclient import IMAPClient

from chargehand.connectors.incoming import Incoming
from chargehand.errors import BadInput, Unavailable
from chargehand_connectors.mail import letter
from chargehand_connectors.mail.config import MailSettings
from chargehand_connectors.mail.model import NewMails, ReceivedMail

MAX_MAIL_BYTES = 256 * 1024
"""So much of a mail is fetched: headers and the text come first, attachments behind them."""
MOST_LOOKED_AT = 200
"""Mails in one call, also where most of them are to other addresses."""
AT_ONCE = 10
SPARE_SECONDS = 3.0
"""What is left of a call's time when no further mails are fetched: the page so far is answered."""

HEAD, SIZE, DATE = b"BODY[]<0>", b"RFC822.SIZE", b"INTERNALDATE"


async def read(incoming: Incoming, settings: MailSettings, *, to: str, after: str, limit: int) -> NewMails:
    """The next mails to that address, without those that a machine wrote as an answer (RFC 3834).

    Raises:
        Unavailable: the mailbox can't be reached, or does not answer as it should.
        BadInput: the cursor is of another mailbox, or of this one before it was made anew.
    """
    return await asyncio.to_thread(_read, incoming, settings, to, after, limit)


def _read(incoming: Incoming, settings: MailSettings, to: str, after: str, limit: int) -> NewMails:
    with _folder(incoming, settings) as (client, validity, newest):
        if after == "end":
            return NewMails(messages=[], cursor=f"{validity}:{newest}")
        last = _position(after, validity)
        waiting = [uid for uid in client.search(f"UID {last + 1}:*") if uid > last]  # `*` may name an older one
        found: list[ReceivedMail] = []
        for uids in _parts(sorted(waiting)[:MOST_LOOKED_AT]):
            if incoming.seconds_left() < SPARE_SECONDS:
                break
            fetched = cast(
                "dict[int, dict[bytes, Any]]", client.fetch(uids, [SIZE, DATE, f"BODY.PEEK[]<0.{MAX_MAIL_BYTES}>"])
            )
            for uid in uids:
                last = uid
                if mail := _mail(fetched.get(uid, {}), f"mail-{validity}-{uid}", to):
                    found.append(mail)
                    if len(found) == limit:
                        return NewMails(messages=found, cursor=f"{validity}:{last}")
        return NewMails(messages=found, cursor=f"{validity}:{last}")


def _mail(fetched: dict[bytes, Any], number: str, to: str) -> ReceivedMail | None:
    """None: it is not for that address, a machine answered, or it was deleted meanwhile."""
    raw, came = fetched.get(HEAD), fetched.get(DATE)
    if not isinstance(raw, bytes) or not isinstance(came, datetime):
        return None
    read = letter.read(raw[:MAX_MAIL_BYTES])
    if read.automatic or to.casefold() not in {address.casefold() for address in read.to}:
        return None
    return ReceivedMail(
        id=read.message_id or number,
        sender=read.sender,
        to=[to],
        subject=read.subject,
        text=read.text,
        references=letter.references(f"{read.subject}\n{read.text}"),
        received_at=came,
    )


def _position(after: str, validity: int) -> int:
    """The UID behind which to go on. Raises BadInput."""
    if not after:
        return 0
    of, _, uid = after.rpartition(":")
    if of != str(validity):
        raise BadInput(
            "the mailbox was made anew since, or it is another one: its mails have other numbers now",
            field="arguments.after",
            value=after,
            way_out="Go on after `end`, or after '' (all that is there); for an intake: `chargehand intake resume`.",
        )
    return int(uid)


def _parts(uids: list[int]) -> Iterator[list[int]]:
    return (uids[start : start + AT_ONCE] for start in range(0, len(uids), AT_ONCE))


@contextmanager
def _folder(incoming: Incoming, settings: MailSettings) -> Generator[tuple[IMAPClient, int, int]]:
    """A signed-in client on the folder, its UIDVALIDITY, and the UID of its newest mail. Raises Unavailable."""
    seconds = max(min(incoming.seconds_left(), 10.0), 0.1)
    try:
        with _connected(settings, seconds) as client:
            client.login(settings.imap_user, settings.imap_password.get_secret_value())
            # EXAMINE: the server itself refuses to mark anything as seen.
            folder = cast("dict[bytes, Any]", client.select_folder(settings.imap_folder, readonly=True))
            validity = int(folder[b"UIDVALIDITY"])
            yield client, validity, int(folder[b"UIDNEXT"]) - 1
    except (imaplib.IMAP4.error, OSError, KeyError, ValueError) as error:  # what it can't read it raises as these
        raise Unavailable(f"The mailbox could not be read ({type(error).__name__}).") from error


def _connected(settings: MailSettings, seconds: float) -> IMAPClient:
    context = ssl.create_default_context(cafile=str(settings.imap_ca) if settings.imap_ca else None)
    implicit = settings.imap_tls == "implicit"
    client = IMAPClient(
        settings.imap_host,
        settings.imap_port,
        ssl=implicit,
        ssl_context=context if implicit else None,
        timeout=seconds,
    )
    client.normalise_times = False  # times stay aware, as the server has them
    if settings.imap_tls == "starttls":
        try:
            client.starttls(context)
        except BaseException:
            client.shutdown()
            raise
    return client
