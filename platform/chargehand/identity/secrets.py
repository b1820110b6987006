"""Passwords and opaque secrets.

Passwords are hashed with Argon2id (pwdlib's recommended settings, about 0.2 s of CPU), in threads and a few at a time,
so that guessing can't take the event loop or the machine. Sessions and tokens are 256 random bits and are kept as
SHA-256: there is nothing in them to guess, and a stolen database opens nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from functools import lru_cache

from pwdlib import PasswordHash

TOKEN_PREFIX = "chg_"  # noqa: S105  # by which secret scanners and people recognise one
AT_ONCE = 2


@lru_cache(maxsize=1)
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@lru_cache(maxsize=1)
def _nobody() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))


class Passwords:
    """Hash and check, off the event loop."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(hash_now, password)

    async def matches(self, password: str, hashed: str | None) -> bool:
        """Whether it is the password. Without a hash it takes as long and is False: an answer's time names nobody."""
        async with self._turns:
            right = await asyncio.to_thread(_verify, password, hashed or _nobody())
        return right and hashed is not None


def hash_now(password: str) -> str:
    """`Passwords.hash`, for callers without an event loop."""
    return _hasher().hash(password)


def _verify(password: str, hashed: str) -> bool:
    return _hasher().verify(password, hashed)


def new_secret(prefix: str = "") -> str:
    """256 random bits, URL-safe."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a secret: SHA-256, hex."""
    return hashlib.sha256(secret.encode()).hexdigest()
