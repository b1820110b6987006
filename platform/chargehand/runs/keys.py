"""A call's key: from tenant, run and position, so that it never changes across retries, workers and releases.

And which request keys are not a person's to give: those under which something else starts a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson
import rfc8785


def call_key(tenant: str, run: str, position: int) -> str:
    """SHA-256, hex. Tenant and run ids hold no line break, so the text is unambiguous."""
    return sha256(f"{tenant}\n{run}\n{position}".encode()).hexdigest()


TAKEN = ("child:", "hook:", "mcp:", "message:", "retry:", "retry-from:", "schedule:")
"""How the request keys begin of runs that are started by other agents, messages, schedules and retries."""


def own_key(key: str) -> str:
    """The key, if a person may start a run by it: else the run that it belongs to would be taken for started.

    Raises ValueError.
    """
    if key.startswith(TAKEN):
        raise ValueError(
            f"a key does not begin with {key.partition(':')[0]}:, under which Chargehand itself starts runs"
        )
    return key


def what_of(tool: str, arguments: Mapping[str, Any]) -> str:
    """What exactly is asked for, whoever asks: SHA-256, hex, over the RFC 8785 form of [tool, arguments].

    Raises ValueError for what is not strict JSON.
    """
    return sha256(rfc8785.dumps([tool, orjson.loads(orjson.dumps(arguments))])).hexdigest()
