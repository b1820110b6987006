"""Personal data in the log: encrypted under one key a person, so that erasing the key erases the data.

A sealed field holds `{"sealed": {"by": <key reference>, "nonce": …, "data": …}}` (base64) in the leaf instead of its
value: AES-256-GCM, the field's path as associated data. Who the reference stands for is only in `audit_subject_key`.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, select

from chargehand import clock
from chargehand.audit.store import SubjectKeyRow, table
from chargehand.database import Transaction
from chargehand.errors import BadInput
from chargehand.ids import new_id

ERASED = "(erased)"
_ROOTS = ("arguments", "detail")


@dataclass(frozen=True, slots=True)
class Personal:
    """Fields of a record that speak of one person, as paths: `arguments.email`, `detail.letter.body`."""

    subject: str
    fields: tuple[str, ...]


def seal(
    tx: Transaction,
    tenant: str,
    content: dict[str, Any],
    personal: Personal | Sequence[Personal] | Mapping[str, Any],
) -> dict[str, Any]:
    """`content` with the personal fields encrypted. Raises BadInput for a field that it does not have."""
    sealed: dict[str, Any] = orjson.loads(orjson.dumps(content))
    for mark in _marks(personal):
        ref, cipher = _key(tx.connection, tenant, mark.subject)
        for path in mark.fields:
            holder, name = _find(sealed, path)
            nonce = os.urandom(12)
            data = cipher.encrypt(nonce, orjson.dumps(holder[name]), path.encode())
            holder[name] = {"sealed": {"by": ref, "nonce": b64encode(nonce).decode(), "data": b64encode(data).decode()}}
    return sealed


def reveal(connection: Connection, tenant: str, content: dict[str, Any]) -> dict[str, Any]:
    """`content` with every sealed field decrypted, or `"(erased)"` where the key is gone."""
    return cast("dict[str, Any]", _open(connection, tenant, content, "", {}))


def conceal(content: Any, words: str = "(sealed)") -> Any:
    """`content` with every sealed field replaced by a word, for readers who may not see it."""
    if isinstance(content, dict):
        item = cast("dict[str, Any]", content)
        return words if _is_sealed(item) else {name: conceal(value, words) for name, value in item.items()}
    return [conceal(value, words) for value in cast("list[Any]", content)] if isinstance(content, list) else content


def erase(tx: Transaction, tenant: str, subject: str) -> tuple[str, ...]:
    """Destroy every key of `subject`; returns the references that can't be opened any more."""
    keys = table(SubjectKeyRow)
    mine = (keys.c.tenant == tenant) & (keys.c.subject == subject)
    refs = tuple(row.ref for row in tx.connection.execute(select(keys.c.ref).where(mine)))
    tx.connection.execute(keys.update().where(mine).values(key=None, subject=None, erased_at=clock.iso(clock.now())))
    return refs


def _marks(personal: Personal | Sequence[Personal] | Mapping[str, Any]) -> list[Personal]:
    if isinstance(personal, Personal):
        return [personal]
    if isinstance(personal, Mapping):
        marked = personal
        return [Personal(str(marked["subject"]), tuple(str(path) for path in marked["fields"]))]
    return [mark for one in personal for mark in _marks(one)]


def _find(content: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    *parents, name = path.split(".")
    holder: Any = content
    for parent in parents:
        holder = cast("dict[str, Any]", holder).get(parent) if isinstance(holder, dict) else None
    if not parents or parents[0] not in _ROOTS or not isinstance(holder, dict) or name not in holder:
        raise BadInput(
            "The record has no such field to encrypt.",
            field="personal.fields",
            value=path,
            way_out=f"Name a path that starts with one of {', '.join(_ROOTS)} and that the record holds.",
        )
    return cast("dict[str, Any]", holder), name


def _key(connection: Connection, tenant: str, subject: str) -> tuple[str, AESGCM]:
    keys = table(SubjectKeyRow)
    row = connection.execute(
        select(keys.c.ref, keys.c.key).where(keys.c.tenant == tenant, keys.c.subject == subject).limit(1)
    ).first()
    if row is not None:
        return row.ref, AESGCM(row.key)
    ref, key = new_id("sub"), AESGCM.generate_key(256)
    connection.execute(
        keys.insert().values(tenant=tenant, ref=ref, subject=subject, key=key, created_at=clock.iso(clock.now()))
    )
    return ref, AESGCM(key)


def _is_sealed(item: Mapping[str, Any]) -> bool:
    return len(item) == 1 and isinstance(item.get("sealed"), dict) and {"by", "nonce", "data"} <= set(item["sealed"])


def _open(connection: Connection, tenant: str, content: Any, path: str, ciphers: dict[str, AESGCM | None]) -> Any:
    if isinstance(content, list):
        return [_open(connection, tenant, value, path, ciphers) for value in cast("list[Any]", content)]
    if not isinstance(content, dict):
        return content
    item = cast("dict[str, Any]", content)
    if not _is_sealed(item):
        return {
            name: _open(connection, tenant, value, f"{path}.{name}" if path else name, ciphers)
            for name, value in item.items()
        }
    box = item["sealed"]
    if box["by"] not in ciphers:
        keys = table(SubjectKeyRow)
        key = connection.execute(
            select(keys.c.key).where(keys.c.tenant == tenant, keys.c.ref == box["by"])
        ).scalar_one_or_none()
        ciphers[box["by"]] = None if key is None else AESGCM(key)
    cipher = ciphers[box["by"]]
    if cipher is None:
        return ERASED
    try:
        return orjson.loads(cipher.decrypt(b64decode(box["nonce"]), b64decode(box["data"]), path.encode()))
    except InvalidTag:
        return "(unreadable)"
