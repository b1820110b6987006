"""Freezes: what may not be called until somebody lifts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

FreezeScope = Literal["agent", "tool", "connector", "tenant"]


@dataclass(frozen=True, slots=True)
class Freeze:
    """`name` is the agent (`agent:…`), tool or connector; empty for the tenant. In force until it is lifted."""

    id: str
    tenant: str
    scope: FreezeScope
    name: str
    reason: str
    frozen_by: str
    frozen_at: datetime
    lifted_by: str = ""
    lifted_at: datetime | None = None

    @property
    def sentence(self) -> str:
        what = "Everything" if self.scope == "tenant" else f"The {self.scope} {self.name}"
        return f"{what} is frozen: {self.reason}"
