"""The main job in the real console on the real stack: start, approve, follow, find, prove, export."""

from __future__ import annotations

import httpx
import pytest
from acting import Visit, approve, shows_finished, start_complaint, waits_for_people
from driver import CHINESE, LIGHT, PHONE, Look
from playwright.sync_api import Browser, expect

from fixtures.stack import Stack, until
from fixtures.story import credit_notes

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(600)]

READS = {"en": "Read order {order}", "zh": "读取订单 {order}"}
"""How the story tells of a call: by the tool's own sentence, in the viewer's language."""
WORDS = "The goods arrived damaged: the crate was broken open. We want our money back."


@pytest.mark.parametrize(
    ("look", "order", "approvers"),
    [(LIGHT, "SO-1043", ("li", "fay")), (CHINESE, "SO-1048", ("li",)), (PHONE, "SO-1042", ("li",))],
    ids=lambda value: value.name if isinstance(value, Look) else None,
)
def test_a_complaint_is_started_approved_found_and_proven(
    browser: Browser, stack: Stack, look: Look, order: str, approvers: tuple[str, ...]
) -> None:
    with Visit(browser, stack, "amy", look) as amy:
        run = start_complaint(amy, order, WORDS)
        approval = waits_for_people(amy, run)
        for who in approvers:
            with Visit(browser, stack, who, look) as approver:
                approve(approver, approval)
        shows_finished(amy, run)  # the page followed it live: nobody loaded it again
        expect(amy.page.get_by_text(READS[look.language].format(order=order)).first).to_be_attached()
    assert len(credit_notes(stack, order)) == 1
    with Visit(browser, stack, "ada", look) as ada:
        finds_and_proves(ada, run)
        names = {cookie["name"] for cookie in ada.page.context.cookies()}
        assert names == {"__Host-chargehand"}, "a browser that takes it gets the host-bound cookie"


def finds_and_proves(ada: Visit, run: str) -> None:
    page = ada.page
    page.goto("/log")
    page.get_by_role("combobox").first.fill(f"run:{run} tool:erp.create_credit_note")
    page.keyboard.press("Enter")
    row = page.locator("[role=row][aria-rowindex]").nth(1)
    row.wait_for()
    row.click()
    expect(page.locator("dialog [data-state=proven]")).to_be_visible(timeout=30_000)
    page.keyboard.press("Escape")
    page.locator("header button").last.click()
    page.locator("dialog button[data-look=primary]").click()
    mine = page.locator("dialog section > div").filter(has_text=run)  # older exports stand below, and move down
    mine.locator("a[download]").wait_for()
    with page.expect_download(timeout=60_000) as download:
        mine.locator("a[download]").click()
    assert download.value.suggested_filename


def test_by_keyboard_alone(browser: Browser, stack: Stack) -> None:
    with Visit(browser, stack, "amy", LIGHT) as amy:
        page = amy.page
        page.keyboard.press("Control+k")
        page.get_by_role("combobox").wait_for()
        page.keyboard.type("complaint")
        page.get_by_role("option").first.wait_for()
        page.keyboard.press("Enter")
        text = page.locator('[data-path="text"] textarea')
        text.wait_for()
        while not text.evaluate("field => field === document.activeElement"):
            page.keyboard.press("Tab")
        page.keyboard.type(WORDS)
        page.keyboard.press("Tab")
        page.keyboard.type("SO-1052")
        page.keyboard.press("Enter")
        page.wait_for_url("**/runs/run_*")
        run = page.url.rsplit("/", 1)[1]
        approval = waits_for_people(amy, run)
    with Visit(browser, stack, "li", LIGHT) as li:
        page = li.page
        page.goto(f"/approvals?id={approval}")
        page.locator("article h2").wait_for()
        page.wait_for_timeout(700)
        page.keyboard.press("a")
        page.wait_for_timeout(400)
        if page.get_by_role("alertdialog").count():
            page.keyboard.press("a")  # a second A is no confirmation
            expect(page.get_by_role("alertdialog")).to_be_visible()
            page.keyboard.press("Enter")
        shows_finished(li, run)


def test_a_lead_suggests_less(browser: Browser, stack: Stack) -> None:
    with Visit(browser, stack, "amy", LIGHT) as amy:
        run = start_complaint(amy, "SO-1047", WORDS)
        first = waits_for_people(amy, run)
        with Visit(browser, stack, "li", LIGHT) as li:
            page = li.page
            page.goto(f"/approvals?id={first}")
            page.get_by_role("button", name="Suggest other values").click()
            amount = page.locator('dialog [data-path="amount"] input').first
            expect(amount).to_be_visible()
            amount.fill("600.00")
            page.locator("dialog").get_by_label("Comment").fill("Half of it.")
            page.get_by_role("button", name="Deny and suggest").click()
            expect(page.locator("dialog")).to_have_count(0)
            page.goto(f"/approvals?id={first}&tab=closed")
            expect(page.get_by_text("600.00").first).to_be_visible()
        again = amy.page.locator(f'a[href*="/approvals?id="]:not([href*="{first}"])').first
        again.wait_for()
        with Visit(browser, stack, "li", LIGHT) as li:
            approve(li, (again.get_attribute("href") or "").split("id=")[1])
        shows_finished(amy, run)
    (note,) = credit_notes(stack, "SO-1047")
    assert note["total_amount"]["decimal"] == "-600.00"


def test_the_page_recovers_when_the_api_is_killed(browser: Browser, stack: Stack) -> None:
    with Visit(browser, stack, "amy", LIGHT) as amy:
        run = start_complaint(amy, "SO-1041", WORDS)
        approval = waits_for_people(amy, run)
        stack.kill("api")
        until(lambda: answers(stack.url), 60)  # who opens a page now has a server; who had one open has lost it
        with Visit(browser, stack, "li", LIGHT) as li:
            approve(li, approval)
        shows_finished(amy, run)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False
