"""A run's page on the real stack: the whole graph in sight, paused and let go on, stopped and retried from a step."""

from __future__ import annotations

import pytest
from acting import Visit
from driver import CHINESE, LIGHT, PHONE, Look
from playwright.sync_api import Browser, Page, expect

from fixtures import story
from fixtures.stack import Stack, until

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

ORDER = "SO-1047"
OUT_OF_SIGHT = """() => {
  const pane = document.querySelector('[role=group][aria-label]').getBoundingClientRect();
  return [...document.querySelectorAll('[role=group] button[aria-pressed], [role=group] svg path')]
    .filter(each => !each.closest('marker'))
    .map(each => each.getBoundingClientRect())
    .filter(box => box.left < pane.left - 1 || box.right > pane.right + 1).length;
}"""


@pytest.fixture(scope="module")
def waiting(stack: Stack) -> tuple[str, str]:
    """A run that waits for people, and the approval."""
    return begin(stack, ORDER)


def begin(stack: Stack, order: str) -> tuple[str, str]:
    with stack.as_person("amy") as amy:
        run = story.start(amy, order)
    return run, story.waiting(stack, "amy", run, "approval")["id"]


@pytest.mark.parametrize("look", [LIGHT, PHONE], ids=lambda look: look.name)
def test_the_whole_graph_fits_its_pane_and_is_zoomed_by_keyboard(
    browser: Browser, stack: Stack, waiting: tuple[str, str], look: Look
) -> None:
    with Visit(browser, stack, "amy", look) as amy:
        page = amy.page
        page.goto(f"/runs/{waiting[0]}")
        graph = page.locator("[role=group][aria-label]").first
        graph.locator("button[data-state=waiting]").wait_for()
        until(lambda: page.evaluate(OUT_OF_SIGHT) == 0, 10, lambda: "it runs off its pane")
        fitted = drawn(page)
        graph.focus()
        page.keyboard.press("+")
        until(lambda: drawn(page) > fitted + 2, 10, lambda: "plus does not zoom in")
        page.keyboard.press("0")
        until(lambda: abs(drawn(page) - fitted) < 2, 10, lambda: "0 does not fit it again")


def drawn(page: Page) -> float:
    """How wide a node is on the screen."""
    return page.evaluate("document.querySelector('[role=group] button[aria-pressed]').getBoundingClientRect().width")


def test_a_run_is_paused_and_let_go_on(browser: Browser, stack: Stack, waiting: tuple[str, str]) -> None:
    with Visit(browser, stack, "amy", LIGHT) as amy:
        page = amy.page
        page.goto(f"/runs/{waiting[0]}")
        steer(page, "Pause", "The customer called.")
        expect(page.locator("header [aria-live]")).to_have_text("Paused")
        page.locator("header").get_by_role("button", name="Go on").click()
        expect(page.locator("header [aria-live]")).to_have_text("Waiting")


def test_a_run_and_its_request_are_told_in_chinese(browser: Browser, stack: Stack, waiting: tuple[str, str]) -> None:
    run, approval = waiting
    with Visit(browser, stack, "amy", CHINESE) as amy:
        page = amy.page
        page.goto(f"/runs/{run}")
        expect(page.locator("h1")).to_contain_text("投诉处理")
        expect(page.locator("[data-kind=approval]")).to_contain_text("退款")
        expect(page.locator("ol").first).to_contain_text(f"查找订单 {ORDER} 及其包裹。")
    with Visit(browser, stack, "li", CHINESE) as li:
        page = li.page
        page.goto(f"/approvals?id={approval}")
        expect(page.locator("article dt").first).to_have_text("币种")
        expect(page.locator(f'li:has([data-id="{approval}"])')).to_contain_text("退款")
        page.locator("article header button").first.click()
        page.get_by_role("menuitem").first.click()
        expect(page.locator("dialog option", has_text="Max Bauer · 客服主管")).to_be_attached()


def test_a_stopped_run_is_retried_from_a_step(browser: Browser, stack: Stack, waiting: tuple[str, str]) -> None:
    run, _ = waiting
    with Visit(browser, stack, "amy", LIGHT) as amy:
        page = amy.page
        page.goto(f"/runs/{run}")
        steer(page, "Stop", "Wrong customer.")
        expect(page.locator("header [aria-live]")).to_have_text("Stopped")
        page.locator("header").get_by_role("button", name="Retry").click()
        page.locator("dialog input[type=radio]:not([disabled])").first.check()
        page.locator("dialog footer button").last.click()
        page.wait_for_url(lambda url: "/runs/run_" in url and not url.endswith(run))
        expect(page.locator(f'a[href="/runs/{run}"]').first).to_be_visible()


def steer(page: Page, what: str, why: str) -> None:
    page.locator("header").get_by_role("button", name=what).click()
    page.locator("dialog textarea").fill(why)
    page.locator("dialog footer button").last.click()
