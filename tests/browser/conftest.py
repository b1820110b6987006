"""The browser, once a test run; helpers stand beside the tests as plain modules."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).parent))

from driver import chromium

from fixtures.stack import Stack, new_stack


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of the browser's own: its orders are untouched, and it may be killed."""
    running = new_stack(tmp_path_factory.mktemp("browser-stack"))
    running.start()
    try:
        yield running
    finally:
        running.stop()
