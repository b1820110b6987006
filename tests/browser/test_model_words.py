"""A model's words on a run's page while it writes them, on the real stack; its vendor is a fake one, named so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from acting import Visit
from axe_playwright_python.sync_playwright import Axe
from driver import CHINESE, LIGHT, PHONE, Look
from playwright.sync_api import Browser, Page, expect
from test_accessibility import OPTIONS

from fixtures import story
from fixtures.processes import free_port
from fixtures.stack import Stack, new_stack, until

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(300)]

REASON = "The **kettle** arrived broken: <b>its lid</b> is dented, and it leaks. " * 4
ANSWER = json.dumps({"category": "damaged", "verdict": "refund", "reason": REASON.strip()})
PAUSE_SECONDS = 0.12


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose model speaks slowly."""
    port = free_port()
    running = new_stack(tmp_path_factory.mktemp("speaking-stack"))
    running.environment |= {
        "CHARGEHAND_MODEL_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "CHARGEHAND_MODEL_NAME": "fake",
    }
    with vendor(port):
        running.start()
        try:
            yield running
        finally:
            running.stop()


@contextmanager
def vendor(port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "fixtures.model_vendor", str(port), str(PAUSE_SECONDS), ANSWER]
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])})
    try:
        yield
    finally:
        process.kill()
        process.wait()


def begin(stack: Stack, order: str) -> str:
    with stack.as_person("amy") as amy:
        return story.start(amy, order)


def words(page: Page) -> str:
    return page.evaluate("document.querySelector('[class*=words] [class*=text]')?.textContent ?? ''")


def nothing_bars_anybody(page: Page) -> None:
    found = Axe().run(page, options=OPTIONS).response["violations"]
    assert [f"{one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]}" for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page runs off its screen"


def pictured(page: Page, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png")


def test_words_grow_under_their_step_and_fold_once_they_are_whole(browser: Browser, speaking: Stack) -> None:
    run = begin(speaking, "SO-1043")
    with Visit(browser, speaking, "amy", LIGHT) as amy:
        page = amy.page
        page.goto(f"/runs/{run}")
        until(lambda: words(page), 30, lambda: "no words came")
        seen = [words(page)]
        expect(page.locator("[class*=caret]")).to_be_visible()
        until(lambda: len(words(page)) > len(seen[0]) + 10, 10, lambda: "they do not grow")
        seen.append(words(page))
        pictured(page, "writing")
        nothing_bars_anybody(page)
        page.reload()
        until(lambda: len(words(page)) > len(seen[1]), 20, lambda: "they do not go on after a reload")
        seen.append(words(page))
        speaking.kill("api")
        until(lambda: words(page) == ANSWER, 60, lambda: f"not all came: {words(page)!r}")
        assert all(ANSWER.startswith(each) for each in seen), "nothing twice, nothing left out"
        expect(page.locator("[class*=caret]")).to_have_count(0)
        assert page.locator("[class*=words] b").count() == 0, "marks are text"
        expect(page.get_by_text("The model has answered.")).to_be_attached()
        whole = page.get_by_role("button", name="Show all of it")
        folded = page.locator("[class*=words] [class*=text]").bounding_box()
        whole.click()
        expect(page.get_by_role("region", name="What the model wrote")).to_be_visible()
        unfolded = page.locator("[class*=words] [class*=text]").bounding_box()
        assert folded is not None
        assert unfolded is not None
        assert unfolded["height"] > folded["height"]
        pictured(page, "written")
        nothing_bars_anybody(page)


@pytest.mark.parametrize("look", [CHINESE, PHONE], ids=lambda look: look.name)
def test_who_comes_late_reads_it_in_the_story(browser: Browser, speaking: Stack, look: Look) -> None:
    with speaking.as_person("amy") as amy:
        run = str(amy.get("/api/runs").json()["items"][0]["id"])
    with Visit(browser, speaking, "amy", look) as late:
        page = late.page
        page.goto(f"/runs/{run}")
        until(lambda: words(page) == ANSWER, 30, lambda: f"it says {words(page)!r}")
        page.get_by_role("button", name="显示全部" if look is CHINESE else "Show all of it").click()
        pictured(page, f"late-{look.name}")
        nothing_bars_anybody(page)
