"""A call's key: from tenant, run and position, so that it never changes across retries, workers and releases."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson
import rfc8785


def call_key(tenant: str, run: str, position: int) -> str:
    """SHA-256, hex. Tenant and run ids hold no line break, so the text is unambiguous."""
    return sha256(f"{tenant}\n{run}\n{position}".encode()).hexdigest()


def what_of(tool: str, arguments: Mapping[str, Any]) -> str:
    """What exactly is asked for, whoever asks: SHA-256, hex, over the RFC 8785 form of [tool, arguments].

    Raises ValueError for what is not strict JSON.
    """
    return sha256(rfc8785.dumps([tool, orjson.loads(orjson.dumps(arguments))])).hexdigest()
