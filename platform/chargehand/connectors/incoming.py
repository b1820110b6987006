"""What a connector's implementation is told about the call it serves, besides the arguments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chargehand import clock
from chargehand.errors import Unavailable

KEY_META = "chargehand/key"
DEADLINE_META = "chargehand/deadline"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One call as it arrived.

    `key` never changes across retries of the same call. A client that sends none (any MCP client may) gets a fresh
    one, so that its own retries are not deduplicated. `deadline` is when the caller stops waiting: nothing may take
    effect later, because the caller may have settled the call by then.
    """

    tool: str
    key: str
    deadline: datetime | None = None

    def seconds_left(self, *, at_most: float = 30.0) -> float:
        """Time-out for a request to the system behind: the time that is left, in seconds, never negative."""
        if self.deadline is None:
            return at_most
        return max(0.0, min(at_most, (self.deadline - clock.now()).total_seconds()))

    def check_deadline(self) -> None:
        """Call right before the effect, once it is certain that no earlier attempt under this key had one.

        Raises:
            Unavailable: the deadline has passed; nothing was done.
        """
        if self.deadline is not None and clock.now() >= self.deadline:
            raise Unavailable(f"{self.tool} arrived after its deadline; nothing was done.")
