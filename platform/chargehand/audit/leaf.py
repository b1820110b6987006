"""A record as leaf bytes and back. The bytes are written once and never re-encoded: they are what is signed."""

from __future__ import annotations

from typing import Any

import orjson

from chargehand.audit.model import Record
from chargehand.errors import BadInput

MAX_LEAF_BYTES = 65_535
"""C2SP tlog-tiles entry bundles carry a 16-bit length."""


def fields(record: Record) -> dict[str, Any]:
    """The record as the plain JSON object that its leaf holds: empty fields left out, `schema_version` always there."""
    return {
        name: value
        for name, value in record.model_dump(mode="json").items()
        if name == "schema_version" or not (value is None or value == "" or value == [] or value == {})
    }


def encode(content: dict[str, Any]) -> bytes:
    """Leaf bytes: UTF-8 JSON. Raises BadInput for what JSON can't say, or more than MAX_LEAF_BYTES."""
    try:
        leaf = orjson.dumps(content)
    except TypeError as error:
        raise BadInput(str(error), field="record", way_out="Keep plain JSON in arguments and detail.") from None
    if len(leaf) > MAX_LEAF_BYTES:
        raise BadInput(
            f"A record of {len(leaf):,} bytes is over the limit of {MAX_LEAF_BYTES:,}.",
            field="record",
            way_out="Keep the digest of big arguments and results, not their content.",
        )
    return leaf


def decode(leaf: bytes) -> Record:
    """The record of leaf bytes, of any schema version ever written."""
    return Record.model_validate(orjson.loads(leaf))
