"""What starts agents from outside is made in the console and does so: a webhook takes signed messages, also after it
was changed; an intake reads mails, until it is deleted."""

from __future__ import annotations

import smtplib
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import httpx
import orjson
import pytest
from acting import Visit
from driver import CHINESE
from playwright.sync_api import Browser, expect
from standardwebhooks import Webhook

from fixtures.stack import Stack, until

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]


def deliver(address: str, secret: str, name: str, message: dict[str, Any]) -> httpx.Response:
    """Post as a sender does who was given address and secret."""
    at, body = datetime.now(UTC), orjson.dumps(message)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, at, body.decode()),
    }
    return httpx.post(address, content=body, headers=headers, timeout=30)


def input_of(stack: Stack, run: str) -> dict[str, Any]:
    with stack.as_person("li") as li:
        return li.get(f"/api/runs/{run}").json()["input"]


def test_a_webhook_is_made_delivered_to_changed_and_delivered_to_again(browser: Browser, stack: Stack) -> None:
    message = {"order": "SO-1062", "says": "It came broken.", "more": {"says": "The crate was open."}}
    with Visit(browser, stack, "li", CHINESE) as li:
        page = li.page
        page.goto("/webhooks")
        page.locator("header button[data-look=primary]").click()
        dialog = page.locator("dialog")
        dialog.locator('input[maxlength="100"]').fill("Shop of the story")
        dialog.locator("select").first.select_option("complaint-resolution")
        text, order = (dialog.locator(f'fieldset input[placeholder="{field}"]') for field in ("text", "order_number"))
        text.fill("says")
        order.fill("order")
        dialog.locator('fieldset input[placeholder="wish"]').fill("'refund'")
        dialog.locator("fieldset textarea").fill(orjson.dumps(message).decode())
        dialog.locator("fieldset button").first.click()
        expect(dialog.locator("fieldset")).to_contain_text("It came broken.")
        dialog.locator("footer button").last.click()
        expect(dialog.locator("code")).to_have_count(2)
        address, secret = dialog.locator("code").all_text_contents()
        dialog.locator("footer button").last.click()

        first = deliver(address, secret, "m1", message)
        assert first.status_code == 202, first.text
        assert input_of(stack, first.json()["run"])["text"] == "It came broken."

        row = page.locator("tr", has_text="Shop of the story")
        row.get_by_role("button").click()
        page.get_by_role("menuitem", name="修改").click()
        expect(text).to_have_value("says")
        text.fill("more.[")
        dialog.locator("footer button").last.click()
        expect(dialog.locator("[role=alert]")).to_contain_text("mapping.text")
        text.fill("more.says")
        dialog.locator("footer button").last.click()
        expect(dialog).to_have_count(0)

        again = deliver(address, secret, "m1", message)
        assert (again.status_code, again.json()["run"]) == (200, first.json()["run"]), "what came before starts nothing"
        second = deliver(address, secret, "m2", message)
        assert second.status_code == 202, second.text
        assert input_of(stack, second.json()["run"])["text"] == "The crate was open."
        row.get_by_role("button").click()
        page.get_by_role("menuitem").first.click()
        expect(page.locator("dialog tbody tr")).to_have_count(3)

    until(lambda: begun(stack, second.json()["run"]), 60)


def send_mail(stack: Stack, to: str, subject: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "kim@customer.example", to, subject
    mail["Message-ID"] = f"<{to}>"
    mail.set_content("The crate was open.")
    with smtplib.SMTP("127.0.0.1", int(stack.environment["CHARGEHAND_SMTP_PORT"])) as client:
        client.send_message(mail)


def test_an_intake_is_made_reads_a_mail_and_is_deleted(browser: Browser, stack: Stack) -> None:
    send_mail(stack, "story@ostwind-pumpen.example", "SO-1064 is broken")
    with Visit(browser, stack, "li", CHINESE) as li:
        page = li.page
        page.goto("/webhooks")
        page.get_by_role("button", name="读取消息").click()
        dialog = page.locator("dialog")
        dialog.locator('input[maxlength="100"]').fill("Mails of the story")
        to = dialog.locator('[data-path="arguments/to"] input')
        to.fill("nobody")
        page.get_by_label("起始位置").select_option("")  # all that is there
        page.get_by_label("发起").select_option("complaint-resolution")
        dialog.locator('fieldset input[placeholder="text"]').fill("text")
        dialog.locator('fieldset input[placeholder="order_number"]').fill("references[0]")
        dialog.locator("footer button").last.click()
        expect(to).to_be_focused()  # what is not right with it is said at the field
        expect(to).to_have_attribute("aria-invalid", "true")
        to.fill("story@ostwind-pumpen.example")
        dialog.locator("footer button").last.click()
        expect(dialog).to_have_count(0)

        row = page.locator("tr", has_text="Mails of the story")
        run = until(lambda: run_of_intake(stack), 60)
        page.reload()  # rather than wait until the page looks again
        expect(row.locator(f'a[href="/runs/{run}"]')).to_be_visible()
        given = input_of(stack, run)
        assert (given["text"].strip(), given["order_number"]) == ("The crate was open.", "SO-1064")
        row.get_by_role("button").click()
        page.get_by_role("menuitem").last.click()
        dialog.locator("footer button").last.click()
        expect(row).to_have_count(0)
    until(lambda: begun(stack, run), 60)


def run_of_intake(stack: Stack) -> str:
    with stack.as_person("li") as li:
        return li.get("/api/intakes").json()[0]["last_run"]


def begun(stack: Stack, run: str) -> bool:
    with stack.as_person("li") as li:
        return li.get(f"/api/runs/{run}").json()["state"] != "starting"
