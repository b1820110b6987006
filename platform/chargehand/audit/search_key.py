"""Finding sealed words: the text index holds them as keyed hashes, which only readers who may see the words ask for.

A sealed word is indexed as HMAC-SHA-256 (RFC 2104) under a key of the tenant, cut to 80 bits. Whoever erases a person
has the words of that person's records derived afresh, so nothing is left to guess at. Beginnings of words (`wor*`) and
`~` don't reach into what is sealed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from hmac import digest

from sqlalchemy import Connection, select

from chargehand import clock
from chargehand.audit.store import SubjectKeyRow, table
from chargehand.database import Database, Transaction, quick

REF = "words"
"""Stands where persons' keys have their reference; its subject is no person's, so erasing never meets it."""

KEY_BYTES = 32
HASH_BYTES = 10
_MARK = "zq"
_K = table(SubjectKeyRow).c
_ADD = (
    "INSERT INTO audit_subject_key (tenant, ref, subject, run, key, created_at, erased_at) "
    "VALUES (?, ?, '', '', ?, ?, '') ON CONFLICT DO NOTHING"
)

Blind = Callable[[str], str]


def blind(connection: Connection, tenant: str) -> Blind | None:
    """How the words of a tenant are hashed; None while the tenant has nothing sealed that was indexed."""
    key = connection.execute(select(_K.key).where(_K.tenant == tenant, _K.ref == REF)).scalar_one_or_none()
    return None if key is None else _hashed(bytes(key))


def made(db: Database, tenant: str) -> Blind:
    """`blind`, with the key made if there is none; two processes that start at once use the same."""

    def unit(tx: Transaction) -> None:
        quick(tx.connection, _ADD, (tenant, REF, os.urandom(KEY_BYTES), clock.iso(clock.now())))

    found = db.read_now(lambda connection: blind(connection, tenant))
    if found is None:
        db.write_now(unit)
        found = db.read_now(lambda connection: blind(connection, tenant))
    assert found is not None  # noqa: S101  # made above, and never removed
    return found


def _hashed(key: bytes) -> Blind:
    return lambda word: _MARK + digest(key, word.encode(), sha256)[:HASH_BYTES].hex()
