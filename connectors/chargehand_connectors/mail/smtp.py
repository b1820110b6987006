"""One mail over SMTP, step by step, so that it is known whether the server may have taken it (RFC 5321).

Until the end of DATA is sent nothing can have been accepted. After it, only the server's reply tells; without a reply
the mail may be on its way.
"""

from __future__ import annotations

from email.message import EmailMessage

import aiosmtplib

from chargehand.connectors.incoming import Incoming
from chargehand.errors import Ambiguous, BadInput, BadSettings, Unavailable
from chargehand_connectors.mail.config import MailSettings

CONNECT_SECONDS = 10.0


async def deliver(incoming: Incoming, settings: MailSettings, message: EmailMessage, to: str) -> None:
    """Hand `message` to the mail server.

    Raises:
        Unavailable: it was certainly not accepted; try again.
        BadInput: the server refuses the recipient or the mail for good.
        BadSettings: the server refuses us: user, password or sender.
        Ambiguous: the mail left and no reply came.
    """
    client = aiosmtplib.SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        use_tls=settings.smtp_tls == "implicit",
        start_tls=settings.smtp_tls == "starttls",
        timeout=min(CONNECT_SECONDS, max(incoming.seconds_left(), 0.1)),
    )
    try:
        await _prepare(client, settings, to)
        incoming.check_deadline()
        await _hand_over(client, message, incoming)
    finally:
        client.close()


async def _prepare(client: aiosmtplib.SMTP, settings: MailSettings, to: str) -> None:
    """Everything before DATA: no failure here can have sent anything."""
    try:
        await client.connect()
        if settings.smtp_user:
            await client.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        await client.mail(settings.sender)
        await client.rcpt(to)
    except aiosmtplib.SMTPAuthenticationError as error:
        raise BadSettings(f"the mail server refuses us: {error.message}", field="CHARGEHAND_MAIL_SMTP_USER") from error
    except aiosmtplib.SMTPSenderRefused as error:
        raise BadSettings(f"the mail server refuses it: {error.message}", field="CHARGEHAND_MAIL_FROM") from error
    except aiosmtplib.SMTPRecipientRefused as error:
        if error.code < 500:
            raise Unavailable(f"The mail server puts {to} off: {error.message}") from error
        raise BadInput(f"the mail server refuses it: {error.message}", field="arguments.to", value=to) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Unavailable(f"The mail server can't be used now: {error}") from error


async def _hand_over(client: aiosmtplib.SMTP, message: EmailMessage, incoming: Incoming) -> None:
    try:
        await client.data(message.as_bytes(), timeout=max(incoming.seconds_left(), 0.1))
    except aiosmtplib.SMTPDataError as error:
        if error.code < 500:
            raise Unavailable(f"The mail server puts the mail off: {error.message}") from error
        raise BadInput(f"the mail server refuses the mail: {error.message}", field="arguments.body") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Ambiguous(f"The mail left and the server gave no reply ({type(error).__name__}).") from error
