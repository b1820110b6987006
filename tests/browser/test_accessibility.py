"""Axe finds nothing on any page, state and look; and no page runs off its screen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from console_server import serving
from driver import CHINESE, DARK, LIGHT, PHONE, Look, page_in
from pages import VIEWS, View, show
from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

OPTIONS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
NO_NOISE = ("status of", "net::ERR")


@pytest.fixture(scope="module")
def console() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.mark.parametrize("look", [LIGHT, DARK, CHINESE, PHONE], ids=lambda look: look.name)
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_nothing_bars_anybody(browser: Browser, console: str, view: View, look: Look) -> None:
    with page_in(browser, console, look, view.state) as page:
        show(page, view)
        found = Axe().run(page, options=OPTIONS).response["violations"]
        assert [f"{one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]}" for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page runs off its screen"
        faults = [fault for fault in page.faults if not any(noise in fault for noise in NO_NOISE)]  # type: ignore[attr-defined]
        assert faults == []
