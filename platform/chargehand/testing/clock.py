"""Time that a test moves: for the platform's own clock; the test server has its own, and both are moved together."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from chargehand import clock


class MovingClock:
    """Runs as the wall clock does, `ahead` of it."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    @contextmanager
    def in_force(self) -> Generator[None]:
        """Make it the platform's clock while the block runs."""
        real = clock.now
        clock.now = self.now
        try:
            yield
        finally:
            clock.now = real
