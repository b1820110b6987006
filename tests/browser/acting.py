"""What people do in the console, by what they see: roles and names first, places in the page where words differ."""

from __future__ import annotations

from driver import PHONE, Look, page_in
from playwright.sync_api import Browser, Page, expect

from fixtures.stack import Stack

PATIENCE_MS = 60_000
SETTLED_MS = 700
"""A request takes no verdict until it has been in sight for 600 ms."""


class Visit:
    """A signed-in person at the console, until `close`."""

    def __init__(self, browser: Browser, stack: Stack, who: str, look: Look) -> None:
        self.look = look
        self._open = page_in(browser, stack.url, look)
        self.page: Page = self._open.__enter__()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.goto("/")
        self.page.locator("input[name=name]").fill(who)
        self.page.locator("input[name=password]").fill(stack.password)
        self.page.keyboard.press("Enter")
        self.page.locator("#main h1").wait_for()

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.__exit__(None, None, None)


def start_complaint(visit: Visit, order: str, text: str) -> str:
    """Start from the catalogue; the run's id."""
    page = visit.page
    page.goto("/start")
    page.locator('a[href="/start/complaint-resolution"]').click()
    page.locator('[data-path="text"] textarea').fill(text)
    page.locator('[data-path="order_number"] input').fill(order)
    page.locator('[data-path="wish"] label').first.click()
    page.locator("form button[type=submit]").click()
    page.wait_for_url("**/runs/run_*")
    return page.url.rsplit("/", 1)[1]


def waits_for_people(visit: Visit, run: str) -> str:
    """The approval that the run waits for, once its page says so."""
    page = visit.page
    page.goto(f"/runs/{run}")
    link = page.locator('a[href*="/approvals?id="]').first
    link.wait_for()
    return (link.get_attribute("href") or "").split("id=")[1]


def approve(visit: Visit, approval: str) -> None:
    """Open the request and approve it, with the confirmation where one is asked."""
    page = visit.page
    page.goto(f"/approvals?id={approval}")
    footer = page.locator("article footer")
    footer.locator("button").last.wait_for()
    page.wait_for_timeout(SETTLED_MS)
    rules = page.locator("article li code").all_text_contents()
    assert len(rules) == len(set(rules)) > 0, f"why policy asks is said once: {rules}"
    footer.locator("button").last.click()
    asked = page.get_by_role("alertdialog")
    page.wait_for_timeout(300)
    if asked.count():
        asked.locator("button").last.click()
    expect(page.locator("[role=status]", has=page.locator("[data-tone=allow]")).first).to_be_visible()


def shows_finished(visit: Visit, run: str) -> None:
    """The run's page shows its result, and the graph shows the nodes that were passed."""
    page = visit.page
    if not page.url.endswith(run):
        page.goto(f"/runs/{run}")
    page.locator("header [data-tone=allow]").wait_for()
    page.locator("button[data-state=succeeded]").first.wait_for()


__all__ = ["PHONE", "Visit", "approve", "shows_finished", "start_complaint", "waits_for_people"]
