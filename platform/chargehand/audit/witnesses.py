"""Asking a witness to cosign: the client side of https://c2sp.org/tlog-witness (`add-checkpoint`)."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from chargehand.audit.chain import Rotation
from chargehand.audit.format import BadNote, Checkpoint, Note, Signature, VerifierKey, parse_signatures
from chargehand.audit.tree import TileTree

TIMEOUT_SECONDS = 3.0


class WitnessRefused(OSError):
    """The witness did not cosign. A conflict that proofs can't settle means that it saw another history."""


@dataclass(slots=True)
class Witness:
    """A witness's prefix URL and verifier key (cosignature/v1). Remembers which size the witness has seen."""

    url: str
    key: VerifierKey
    _seen: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def name(self) -> str:
        return self.key.name

    @staticmethod
    def parse(text: str) -> Witness:
        """`https://witness.example/ name+id+key`, separated by white space. Raises BadNote."""
        url, _, key = text.strip().partition(" ")
        if not url.startswith(("http://", "https://")):
            raise BadNote(f"{text!r} is no witness: URL and verifier key are expected.")
        return Witness(url.rstrip("/"), VerifierKey.parse(key))

    def cosign(
        self, note: Note, checkpoint: Checkpoint, tree: TileTree, rotations: Sequence[Rotation] = ()
    ) -> Signature:
        """The witness's signature over the checkpoint. Raises WitnessRefused, an OSError, if there is none.

        One that does not know the key yet is shown how it took over, in case it follows (see `witness_server`).
        """
        with httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as client:
            told = not rotations
            for _ in range(3):  # again with the size that the witness named, and once it knows the key
                old = self._seen.get(checkpoint.origin, 0)
                answer = self._post(client, old, note, checkpoint, tree)
                if answer.status_code == 409 and answer.headers.get("content-type") == "text/x.tlog.size":
                    seen = answer.text.strip()
                    if not seen.isdecimal() or int(seen) > checkpoint.size:
                        raise WitnessRefused(f"it has seen size {seen[:20]}, beyond {checkpoint.size}")
                    self._seen[checkpoint.origin] = int(seen)
                    continue
                if answer.status_code == 403 and not told:
                    told = True
                    self._tell(client, rotations)
                    continue
                return self._accept(answer, note, checkpoint)
        raise WitnessRefused("it keeps naming another size")

    def _post(
        self, client: httpx.Client, old: int, note: Note, checkpoint: Checkpoint, tree: TileTree
    ) -> httpx.Response:
        proof = "".join(b64encode(hash_).decode() + "\n" for hash_ in tree.consistency(old, checkpoint.size))
        try:
            return client.post(f"{self.url}/add-checkpoint", content=f"old {old}\n{proof}\n{note}".encode())
        except httpx.HTTPError as error:
            raise WitnessRefused(str(error) or type(error).__name__) from None

    def _tell(self, client: httpx.Client, rotations: Sequence[Rotation]) -> None:
        try:
            for rotation in rotations:
                client.post(f"{self.url}/add-key", content=json.dumps(rotation).encode())
        except httpx.HTTPError as error:
            raise WitnessRefused(str(error) or type(error).__name__) from None

    def _accept(self, answer: httpx.Response, note: Note, checkpoint: Checkpoint) -> Signature:
        if answer.status_code != 200:
            raise WitnessRefused(f"HTTP {answer.status_code}: {answer.text[:200]}")
        try:
            signatures = parse_signatures(answer.text)
        except BadNote as error:
            raise WitnessRefused(str(error)) from None
        for signature in signatures:
            if Note(note.text, (signature,)).signed_by(self.key):
                self._seen[checkpoint.origin] = checkpoint.size
                return signature
        raise WitnessRefused("its answer is not signed by the key we know")
