"""Whether a mail arrived, asked of a mailbox service by Message-ID. Only its certain answers count."""

from __future__ import annotations

import httpx
from pydantic import AwareDatetime, BaseModel, ValidationError

from chargehand.connectors import strict
from chargehand.connectors.incoming import Incoming
from chargehand.errors import Ambiguous, BadInput

MAX_ANSWER_BYTES = 1024 * 1024


class FoundMail(BaseModel):
    """As the mailbox service writes it, as far as we need it."""

    message_id: str
    to: list[str]
    subject: str
    received_at: AwareDatetime


class _Answer(BaseModel):
    messages: list[FoundMail]


async def find(incoming: Incoming, url: str, message_id: str) -> FoundMail | None:
    """The mail with that Message-ID; None: it certainly did not arrive.

    Raises:
        Ambiguous: the service can't be asked, or does not answer as it should.
    """
    try:
        time_out = max(min(incoming.seconds_left(), 10.0), 0.1)
        async with httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=time_out) as client:
            answer = await client.get(f"{url.rstrip('/')}/api/messages", params={"message_id": message_id})
        if answer.status_code != 200 or len(answer.content) > MAX_ANSWER_BYTES:
            raise Ambiguous(f"The mailbox could not be searched ({answer.status_code}).")
        found = _Answer.model_validate(strict.loads(answer.content)).messages
    except (httpx.HTTPError, BadInput, ValidationError) as error:
        raise Ambiguous(f"The mailbox could not be searched ({type(error).__name__}).") from error
    return next((mail for mail in found if mail.message_id == message_id), None)
