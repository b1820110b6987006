"""The small world of fixtures/gateway.py."""

from fixtures.gateway import moving_clock, world

__all__ = ["moving_clock", "world"]
