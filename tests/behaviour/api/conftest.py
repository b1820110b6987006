"""The fixtures of the API's tests."""

from fixtures.api import ada, amy, app, connect, db, house_settings, li, root, seeded

__all__ = ["ada", "amy", "app", "connect", "db", "house_settings", "li", "root", "seeded"]
