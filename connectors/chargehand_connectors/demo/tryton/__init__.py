"""The demo ERP: a real Tryton 8 with a seeded company, in an environment of its own, as a process of its own.

Tryton is GPL-3; it is started as a program and spoken to over HTTP, never imported.
"""

from chargehand_connectors.demo.tryton.system import demo_system

__all__ = ["demo_system"]
