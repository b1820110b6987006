"""The demo mail server: real SMTP in, a mailbox that people can read; for the demo and tests only."""

from __future__ import annotations

from chargehand_connectors.demo.mailbox.system import demo_system

__all__ = ["demo_system"]
