"""Debian's Chromium under Playwright: one launch, many contexts, with the looks that the console is tested in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHROMIUM = "/usr/bin/chromium"


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    name: str = "light"
    language: str = "en"
    dark: bool = False
    phone: bool = False

    @property
    def viewport(self) -> dict[str, int]:
        return {"width": 375, "height": 812} if self.phone else {"width": 1440, "height": 900}


LIGHT = Look()
DARK = Look("dark", dark=True)
CHINESE = Look("chinese", language="zh")
PHONE = Look("phone", phone=True)
LOOKS = (LIGHT, DARK, CHINESE, PHONE)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_in(browser: Browser, url: str, look: Look = LIGHT, state: str = "") -> Iterator[Page]:
    """A page of its own session; errors on its console are kept in `page.faults`, so that a test can look at them."""
    context = browser.new_context(
        base_url=url, viewport=look.viewport, color_scheme="dark" if look.dark else "light", locale="en-GB",
        device_scale_factor=2 if look.phone else 1, has_touch=look.phone, is_mobile=look.phone, reduced_motion="reduce",
    )  # fmt: skip
    context.add_init_script(f"localStorage.setItem('chargehand.language', '{look.language}')")
    if state:
        context.add_cookies([{"name": "state", "value": state, "url": url}])
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.faults = faults  # type: ignore[attr-defined]  # a list beside the page is all that is needed
    try:
        yield page
    finally:
        context.close()
