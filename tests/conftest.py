"""Fixtures that several suites share; each lives in a module of its own under fixtures/."""

from __future__ import annotations

import pytest

pytest_plugins = ["fixtures.stack", "fixtures.tryton", "fixtures.postgres", "fixtures.audit"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts a whole stack comes first: it waits for minutes, and at the end one core would be idle."""
    items.sort(key=lambda item: item.get_closest_marker("stack") is None)
