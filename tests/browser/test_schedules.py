"""A start is planned in the console, and at its time the run is there; a plan is paused, resumed and deleted."""

from __future__ import annotations

import pytest
from acting import Visit
from driver import CHINESE, LIGHT
from playwright.sync_api import Browser, Page, expect

from fixtures.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

SOON_SECONDS = 6
LOCAL_TIME = """seconds => {
  const at = new Date(Date.now() + seconds * 1000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}"""


def fill_in(page: Page, order: str) -> None:
    page.goto("/start/complaint-resolution")
    page.locator("label:has(input[value=later])").click()
    page.locator('[data-path="text"] textarea').fill("The goods arrived damaged.")
    page.locator('[data-path="order_number"] input').fill(order)
    page.locator('[data-path="wish"] label').first.click()


def test_what_is_planned_for_soon_is_started_at_its_time(browser: Browser, stack: Stack) -> None:
    with Visit(browser, stack, "amy", LIGHT) as amy:
        page = amy.page
        fill_in(page, "SO-1060")
        plan = page.locator("form button[type=submit]")
        expect(plan).to_be_disabled()
        page.locator("input[type=datetime-local]").fill(page.evaluate(LOCAL_TIME, SOON_SECONDS))
        plan.click()
        page.wait_for_url("**/schedules")
        row = page.locator("tr", has_text="SO-1060")
        run = row.locator('a[href^="/runs/run_"]')
        run.wait_for()  # the page shows it by itself
        run.click()
        page.wait_for_url("**/runs/run_*")
        expect(page.locator("h1")).to_contain_text("SO-1060")


def test_a_plan_in_words_is_paused_resumed_and_deleted(browser: Browser, stack: Stack) -> None:
    with Visit(browser, stack, "amy", CHINESE) as amy:
        page = amy.page
        fill_in(page, "SO-1061")
        page.locator("label:has(input[value=again])").click()
        page.locator("fieldset select").select_option("own")
        cron = page.locator("fieldset input[spellcheck=false]")
        cron.fill("61 8 * * *")
        expect(page.locator("fieldset [role=alert]")).to_be_visible()
        cron.fill("0 8 * * MON-FRI")
        expect(page.locator("fieldset")).to_contain_text("星期一至星期五")
        expect(page.locator("fieldset li time")).to_have_count(5)
        page.locator("form button[type=submit]").click()
        page.wait_for_url("**/schedules")
        row = page.locator("tr", has_text="SO-1061")
        expect(row).to_contain_text("星期一至星期五")
        for state in ("已暂停", "有效"):
            row.get_by_role("button").click()
            page.get_by_role("menuitem").first.click()
            expect(row).to_contain_text(state)
        row.get_by_role("button").click()
        page.get_by_role("menuitem").last.click()
        page.locator("dialog footer button").last.click()
        expect(row).to_have_count(0)
