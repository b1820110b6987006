from __future__ import annotations

from fixtures.gateway import moving_clock

__all__ = ["moving_clock"]
