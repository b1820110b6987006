"""Axe finds nothing on any page, state and look; and no page runs off its screen.

The whole matrix is slow; a short version of it runs in `make test`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from console_server import serving
from driver import LOOKS, Look, page_in
from pages import VIEWS, View, brief, show
from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

OPTIONS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
NO_NOISE = ("status of", "net::ERR")
BRIEF = brief()
CASES = [
    pytest.param(
        view, look, id=f"{view.name}-{look.name}", marks=() if (view.name, look.name) in BRIEF else pytest.mark.slow
    )
    for view in VIEWS
    for look in LOOKS
]
"""All of them in `make slow`, the short version in `make test`."""


@pytest.fixture(scope="module")
def console() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.mark.parametrize(("view", "look"), CASES)
def test_nothing_bars_anybody(browser: Browser, console: str, view: View, look: Look) -> None:
    with page_in(browser, console, look, view.state) as page:
        show(page, view)
        found = Axe().run(page, options=OPTIONS).response["violations"]
        assert [f"{one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]}" for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page runs off its screen"
        faults = [fault for fault in page.faults if not any(noise in fault for noise in NO_NOISE)]  # type: ignore[attr-defined]
        assert faults == []
