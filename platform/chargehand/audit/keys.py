"""The log's signing key: made at the first start, kept in one file that only its owner can read; and the next one,
while it takes over."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from chargehand.audit.format import COSIGNATURE_V1, ED25519, VerifierKey
from chargehand.audit.tree import sync_folder
from chargehand.errors import AuditUnavailable

LOG_KEY = "log-signing.key"
NEXT_KEY = "log-signing.next"


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The private keys at hand: the current one and, during a rotation, the next."""

    folder: Path
    current: Ed25519PrivateKey
    next: Ed25519PrivateKey | None

    @staticmethod
    def load(state_dir: Path) -> SigningKeys:
        """Raises AuditUnavailable as `load_or_create`; makes the current key if there is none."""
        keys = state_dir / "keys"
        pending = keys / NEXT_KEY
        return SigningKeys(keys, load_or_create(keys / LOG_KEY), load_or_create(pending) if pending.exists() else None)

    def private(self, key: VerifierKey) -> Ed25519PrivateKey | None:
        """The private side of `key`, if it is at hand."""
        held = (self.current, self.next) if self.next is not None else (self.current,)
        return next((one for one in held if one.public_key().public_bytes_raw() == key.public), None)

    def promote(self) -> None:
        """The next key becomes the current one; the old private key is gone."""
        (self.folder / NEXT_KEY).replace(self.folder / LOG_KEY)
        sync_folder(self.folder)


def origin(name: str, tenant: str) -> str:
    """What checkpoints of a tenant's log call it: `chargehand.local/demo`."""
    return f"{name}/{quote(tenant, safe='')}"


def folder(state_dir: Path, tenant: str) -> Path:
    """Where a tenant's tiles and checkpoints are published: `<state_dir>/log/<tenant>`."""
    return state_dir / "log" / quote(tenant, safe="")


def load_or_create(path: Path) -> Ed25519PrivateKey:
    """The key in `path` (PEM, mode 0600), made if there is none; two processes that start at once get the same.

    Raises:
        AuditUnavailable: others may read the file, or it holds no Ed25519 key.
    """
    if not path.exists():
        _create(path)
    if path.stat().st_mode & 0o077:
        raise AuditUnavailable(f"Others may read the key {path}.", way_out=f"Run: chmod 600 {path}")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise AuditUnavailable(f"{path} holds no Ed25519 private key.", way_out="Restore it from your backup.")
    return key


def verifier_key(key: Ed25519PrivateKey, name: str, *, witness: bool = False) -> VerifierKey:
    """The public side of a key, under a name."""
    return VerifierKey(name, key.public_key().public_bytes_raw(), COSIGNATURE_V1 if witness else ED25519)


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    scratch = path.with_name(f".{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(scratch, path)  # fails if another process was faster: its key counts
    except FileExistsError:
        pass
    finally:
        scratch.unlink()
