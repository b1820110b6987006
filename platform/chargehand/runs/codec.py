"""Payloads are encrypted before Temporal sees them: whoever reads its database or UI reads no business data.

AES-256-GCM (NIST SP 800-38D) with a fresh 96-bit nonce for each payload; the payload's own metadata is inside. Error
messages are encoded too. Workflow ids, agent names and summaries stay readable, so none of them holds business data.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec

from chargehand.errors import BadSettings

ENCODING = b"binary/chargehand-aes-gcm"
KEY_BYTES = 32
NONCE_BYTES = 12


class EncryptionCodec(PayloadCodec):
    """Encrypts with one key; decrypts with it, and passes on what was never encrypted."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._key_id = sha256(b"chargehand payload key id" + key).hexdigest()[:16].encode()

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises BadSettings when a payload was encrypted with another key, or was changed."""
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        nonce = os.urandom(NONCE_BYTES)
        data = nonce + self._cipher.encrypt(nonce, payload.SerializeToString(), self._key_id)
        return Payload(metadata={"encoding": ENCODING, "key": self._key_id}, data=data)

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        try:
            nonce, data = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
            return Payload.FromString(self._cipher.decrypt(nonce, data, self._key_id))
        except InvalidTag:
            raise BadSettings(
                "a payload was encrypted with another key, or changed",
                field="payload key",
                value=payload.metadata.get("key", b"").decode(),
                way_out="All workers and the API need the same key file.",
            ) from None


def data_converter(key: bytes | None = None) -> DataConverter:
    """How payloads are written: as pydantic does, encrypted when there is a key."""
    if key is None:
        return pydantic_data_converter
    return replace(
        pydantic_data_converter,
        payload_codec=EncryptionCodec(key),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def payload_key(path: Path) -> bytes:
    """The key in a file, made on first use, readable by its owner only.

    Raises:
        BadSettings: the file holds no key of 32 bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    if not path.exists():
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:  # another process was faster: its key is the key
            pass
        finally:
            draft.unlink()
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise BadSettings("a payload key has 32 bytes", field=str(path), value=f"{len(key)} bytes")
    return key
