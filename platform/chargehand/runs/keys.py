"""A call's key: from tenant, run and position, so that it never changes across retries, workers and releases."""

from __future__ import annotations

from hashlib import sha256


def call_key(tenant: str, run: str, position: int) -> str:
    """SHA-256, hex. Tenant and run ids hold no line break, so the text is unambiguous."""
    return sha256(f"{tenant}\n{run}\n{position}".encode()).hexdigest()
