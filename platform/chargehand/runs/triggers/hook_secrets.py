"""Secrets of webhooks, and whether a delivery was signed with one.

A secret is derived from one key of the installation (HKDF, RFC 5869), the hook's id and a number that counts its
rotations. So no table holds it, a copy of the database opens no hook, and the key never leaves the API's state folder.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from standardwebhooks import Webhook, WebhookVerificationError

from chargehand.errors import NotSignedIn
from chargehand.runs.model import HookScheme

PREFIX = "whsec_"
SECRET_BYTES = 32
GITHUB_SIGNATURE = "x-hub-signature-256"
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,200}")


def secret_of(key: bytes, hook: str, number: int) -> str:
    """The secret as a sender is given it: `whsec_` and 32 bytes in base64."""
    info = f"chargehand webhook\n{hook}\n{number}".encode()
    derived = HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=info).derive(key)
    return PREFIX + base64.b64encode(derived).decode()


def message_of(scheme: HookScheme, secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> str:
    """The id of a message that was signed with one of the secrets. `headers` are lower case.

    Raises:
        NotSignedIn: it was not, or five minutes and more ago; says nothing else.
    """
    read = _standard if scheme == "standard" else _github
    for secret in secrets:
        if message := read(secret, headers, body):
            return message
    raise NotSignedIn("The delivery is not accepted.")


def _standard(secret: str, headers: Mapping[str, str], body: bytes) -> str:
    """Standard Webhooks 1.0 (standardwebhooks.com): id, time and body are signed, so the id can be trusted."""
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):  # the library lets what it can't read through as ValueError
        return ""
    message = headers["webhook-id"]
    return message if _MESSAGE_ID.fullmatch(message) else ""


def _github(secret: str, headers: Mapping[str, str], body: bytes) -> str:
    """As GitHub signs: only the body. Its delivery id could be replaced, so the body itself is the message's id."""
    given = headers.get(GITHUB_SIGNATURE, "")
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given.encode(), expected.encode()):
        return ""
    return hashlib.sha256(body).hexdigest()
