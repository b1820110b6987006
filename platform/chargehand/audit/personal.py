"""Personal data in the log: encrypted under keys of the person, one a run, so that erasing them erases the data.

What a record's writer marks is sealed under the person's key, and what people say without a mark (`free_text`) under
the run's. Whoever erases a person erases every key of the runs in which that person appears.

A sealed field holds `{"sealed": {"by": <key reference>, "nonce": …, "data": …}}` (base64) in the leaf instead of its
value: AES-256-GCM, the field's path as associated data. Who the reference stands for is only in
`audit_subject_key`.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, select

from chargehand import clock
from chargehand.audit.free_text import PUBLIC_KINDS, Box, is_free, replaced
from chargehand.audit.store import SubjectKeyRow, table
from chargehand.database import Transaction, quick
from chargehand.errors import BadInput
from chargehand.ids import new_id

ERASED = "(erased)"
UNREADABLE = "(unreadable)"
NONCE_BYTES = 12
_K = table(SubjectKeyRow).c
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
    *,
    run: str = "",
) -> dict[str, Any]:
    """`content` with the personal fields encrypted. Raises BadInput for a field that it does not have."""
    sealed: dict[str, Any] = orjson.loads(orjson.dumps(content))
    for mark in _marks(personal):
        key = _key(tx.connection, tenant, mark.subject, run)
        for path in mark.fields:
            holder, name = _find(sealed, path)
            holder[name] = _box(key, holder[name], path)
    return sealed


def says_something(content: Mapping[str, Any]) -> bool:
    """Whether the record holds words of people that `seal_words` would seal."""
    detail = content.get("detail")
    return bool(detail) and content["kind"] not in PUBLIC_KINDS and is_free("detail", detail)


def seal_words(tx: Transaction, tenant: str, content: dict[str, Any]) -> dict[str, Any]:
    """`content` with what people and other systems say in it encrypted, under the run's key or the speaker's."""
    run = str(content.get("run") or "")
    subject = of_run(run) if run else str(content["who"]["principal"]) or "nobody"
    key = _key(tx.connection, tenant, subject, run)
    return {**content, "detail": replaced(content["detail"], lambda value, path: _box(key, value, path))}


def of_run(run: str) -> str:
    """The subject of what is said in a run of nobody in particular."""
    return f"run:{run}"


def reveal(connection: Connection, tenant: str, content: dict[str, Any]) -> dict[str, Any]:
    """`content` with every sealed field decrypted, or `"(erased)"` where the key is gone."""
    return cast("dict[str, Any]", _open(connection, tenant, content, "", {}))


def conceal(content: Any, words: str = "(sealed)") -> Any:
    """`content` with every sealed field replaced by a word, for readers who may not see it."""
    if isinstance(content, dict):
        item = cast("dict[str, Any]", content)
        return words if _is_sealed(item) else {name: conceal(value, words) for name, value in item.items()}
    return [conceal(value, words) for value in cast("list[Any]", content)] if isinstance(content, list) else content


def runs_of(connection: Connection, tenant: str, subject: str) -> tuple[str, ...]:
    """The runs in which something of `subject` was sealed."""
    found = select(_K.run).where(_K.tenant == tenant, _K.subject == subject, _K.run != "").distinct().order_by(_K.run)
    return tuple(connection.execute(found).scalars())


def erase(tx: Transaction, tenant: str, subject: str, runs: Sequence[str] = ()) -> tuple[str, ...]:
    """Destroy every key of `subject`, and every key of `runs`; returns the references that can't be opened any more."""
    mine = (_K.tenant == tenant) & _K.subject.is_not(None) & ((_K.subject == subject) | _K.run.in_(runs))
    refs = tuple(tx.connection.execute(select(_K.ref).where(mine).order_by(_K.ref)).scalars())
    gone = {"key": None, "subject": None, "erased_at": clock.iso(clock.now())}
    tx.connection.execute(table(SubjectKeyRow).update().where(mine).values(**gone))
    return refs


def hidden(connection: Connection, tenant: str, content: Any) -> Iterator[Any]:
    """The values that are sealed in `content`, opened; those whose key is gone are left out."""
    ciphers: dict[str, AESGCM | None] = {}
    for box, path in _boxes(content, ""):
        value = _open(connection, tenant, box, path, ciphers)
        if value not in (ERASED, UNREADABLE):
            yield value


def _boxes(content: Any, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(content, list):
        for part in cast("list[Any]", content):
            yield from _boxes(part, path)
    elif isinstance(content, dict):
        item = cast("dict[str, Any]", content)
        if _is_sealed(item):
            yield item, path
        else:
            for name, part in item.items():
                yield from _boxes(part, f"{path}.{name}" if path else name)


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


@dataclass(frozen=True, slots=True)
class _Key:
    ref: str
    cipher: AESGCM


_FIND = "SELECT ref, key FROM audit_subject_key WHERE tenant = ? AND subject = ? AND run = ? LIMIT 1"
_ADD = """
INSERT INTO audit_subject_key (tenant, ref, subject, run, key, created_at, erased_at) VALUES (?, ?, ?, ?, ?, ?, '')
"""


def _key(connection: Connection, tenant: str, subject: str, run: str) -> _Key:
    row = quick(connection, _FIND, (tenant, subject, run)).fetchone()
    if row is not None:
        return _Key(row[0], AESGCM(bytes(row[1])))
    ref, key = new_id("sub"), AESGCM.generate_key(256)
    quick(connection, _ADD, (tenant, ref, subject, run, key, clock.iso(clock.now())))
    return _Key(ref, AESGCM(key))


def _box(key: _Key, value: Any, path: str) -> Box:
    nonce = os.urandom(NONCE_BYTES)
    data = key.cipher.encrypt(nonce, orjson.dumps(value), path.encode())
    return Box(sealed={"by": key.ref, "nonce": b64encode(nonce).decode(), "data": b64encode(data).decode()})


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
        key = connection.execute(
            select(_K.key).where(_K.tenant == tenant, _K.ref == str(box["by"]))
        ).scalar_one_or_none()
        ciphers[box["by"]] = None if key is None else AESGCM(key)
    cipher = ciphers[box["by"]]
    if cipher is None:
        return ERASED
    try:
        return orjson.loads(cipher.decrypt(b64decode(box["nonce"]), b64decode(box["data"]), path.encode()))
    except (InvalidTag, ValueError, TypeError):  # changed, moved, or never sealed by us
        return UNREADABLE
