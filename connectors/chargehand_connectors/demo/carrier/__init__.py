"""The demo carrier: a parcel service of our own making, with an HTTP API, for the demo and tests only."""

from __future__ import annotations

from chargehand_connectors.demo.carrier.system import demo_system

__all__ = ["demo_system"]
