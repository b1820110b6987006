"""Payloads are encrypted before Temporal sees them: whoever reads its database or UI reads no business data.

AES-256-GCM (NIST SP 800-38D) with a fresh 96-bit nonce for each payload; the payload's own metadata is inside. Error
messages are encoded too. Workflow ids, agent names and summaries stay readable, so none of them holds business data.

A large payload is cut into parts that are kept once for each run (`parts`, `blobs`); what Temporal stores is a
reference of fixed size. A part is named by HMAC-SHA-256 of its content under a key of its own, so that its name says
nothing about it, and encrypted with its name and run as associated data, so that no part passes for another.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Self

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from chargehand.errors import BadInput, BadSettings
from chargehand.runs.blobs import Blobs
from chargehand.runs.parts import cut

ENCODING = b"binary/chargehand-aes-gcm"
ENCODING_STORED = b"binary/chargehand-stored"
KEY_BYTES = 32
NONCE_BYTES = 12
NAME_BYTES = 32
STORED_FROM_BYTES = 4 * 1024
LARGEST_BYTES = 64 * 1024 * 1024


class EncryptionCodec(PayloadCodec, WithSerializationContext):
    """Encrypts with one key; decrypts with it, and passes on what was never encrypted.

    With `blobs`, a payload of a run that has 4 KiB or more is kept there. `of` names the activity, for what it says.
    """

    def __init__(self, key: bytes, blobs: Blobs | None = None) -> None:
        self._cipher = AESGCM(key)
        self._key_id = sha256(b"chargehand payload key id" + key).hexdigest()[:16].encode()
        self._naming = hmac.digest(key, b"chargehand names of parts", "sha256")
        self._blobs = blobs
        self._run = self._of = ""

    def with_context(self, context: SerializationContext) -> Self:
        """This codec, for the payloads of one run."""
        if isinstance(context, WorkflowSerializationContext):
            return self._for(context.workflow_id)
        if isinstance(context, ActivitySerializationContext):
            return self._for(context.workflow_id or "", context.activity_type or "")
        return self

    def _for(self, run: str, of: str = "") -> Self:
        codec = object.__new__(type(self))  # `copy` takes several times as long, and this is done for each payload
        vars(codec).update(vars(self), _run=run, _of=of)
        return codec

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises BadInput for a payload of more than 64 MiB."""
        return [await self._encoded(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises BadSettings for a payload of another key, or a changed one; NotFound for a lost part."""
        return [await self._decoded(payload) for payload in payloads]

    async def _encoded(self, payload: Payload) -> Payload:
        plain = payload.SerializeToString()
        if len(plain) > LARGEST_BYTES:
            raise BadInput(
                f"a value of {len(plain)} bytes is passed on; {LARGEST_BYTES} is the most",
                field=self._of or self._run or "payload",
                way_out="Keep large data in the system it comes from, and pass on where it is.",
            )
        if self._blobs is None or not self._run or len(plain) < STORED_FROM_BYTES:
            return self._sealed(ENCODING, plain)
        return self._sealed(ENCODING_STORED, await asyncio.to_thread(self._kept, self._blobs, plain))

    async def _decoded(self, payload: Payload) -> Payload:
        encoding = payload.metadata.get("encoding")
        if encoding == ENCODING:
            return Payload.FromString(self._opened(payload.data, b"", payload.metadata.get("key", b"")))
        if encoding != ENCODING_STORED:
            return payload
        reference = orjson.loads(self._opened(payload.data, b"", payload.metadata.get("key", b"")))
        if self._blobs is None:
            raise BadSettings("a large payload is kept in a folder that this process does not have", field="blobs_dir")
        return Payload.FromString(await asyncio.to_thread(self._fetched, self._blobs, reference))

    # Parts

    def _kept(self, blobs: Blobs, plain: bytes) -> bytes:
        """The reference to a payload whose parts are on disk."""
        named = [(self._name(part), part) for part in cut(plain)]
        index = b"".join(bytes.fromhex(name) for name, _ in named)
        named.append((self._name(index), index))
        missing = [(name, part) for name, part in dict(named).items() if not blobs.has(self._run, name)]
        blobs.put(self._run, [(name, self._encrypt(part, self._bound(self._run, name))) for name, part in missing])
        return orjson.dumps({"run": self._run, "size": len(plain), "index": named[-1][0]})

    def _fetched(self, blobs: Blobs, reference: dict[str, str]) -> bytes:
        """The payload that a reference stands for: whose run it is kept for is the reference's own word."""
        run = reference["run"]

        def part(name: str) -> bytes:
            return self._opened(blobs.get(run, name), self._bound(run, name), self._key_id)

        index = part(reference["index"])
        names = (index[at : at + NAME_BYTES].hex() for at in range(0, len(index), NAME_BYTES))
        return b"".join(part(name) for name in names)

    def _name(self, part: bytes) -> str:
        return hmac.digest(self._naming, part, "sha256").hex()

    @staticmethod
    def _bound(run: str, name: str) -> bytes:
        return f"\n{run}\n{name}".encode()

    # Encryption

    def _sealed(self, encoding: bytes, plain: bytes) -> Payload:
        return Payload(metadata={"encoding": encoding, "key": self._key_id}, data=self._encrypt(plain, b""))

    def _encrypt(self, plain: bytes, bound: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, self._key_id + bound)

    def _opened(self, data: bytes, bound: bytes, key_id: bytes) -> bytes:
        try:
            return self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], self._key_id + bound)
        except InvalidTag:
            raise BadSettings(
                "a payload was encrypted with another key, or changed",
                field="payload key",
                value=key_id.decode(),
                way_out="All workers and the API need the same key file.",
            ) from None


class PayloadConverters(PydanticPayloadConverter):
    """Pydantic's converters, made once a process.

    The SDK makes the class anew for each payload that it encodes or decodes, and with it an empty cache of types.
    """

    def __init__(self) -> None:
        self.converters = _CONVERTERS


_CONVERTERS = PydanticPayloadConverter().converters
_PLAIN = DataConverter(payload_converter_class=PayloadConverters)


def data_converter(key: bytes | None = None, blobs: Blobs | None = None) -> DataConverter:
    """How payloads are written: as pydantic does, encrypted when there is a key, and large ones kept in `blobs`."""
    if key is None:
        return _PLAIN
    return replace(
        _PLAIN,
        payload_codec=EncryptionCodec(key, blobs),
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
