"""The four pictures of the README, taken of a real run: approval, live graph, proven record, Chinese on a phone.

python tests/browser/readme_pictures.py [folder]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from acting import SETTLED_MS, Visit, approve, start_complaint, waits_for_people
from driver import CHINESE, LIGHT, Look, chromium
from playwright.sync_api import Browser, Page

from fixtures.stack import Stack, new_stack

FOLDER = Path(__file__).parents[2] / "docs" / "images"
CHINESE_PHONE = Look("chinese-phone", language="zh", phone=True)
WORDS = "The crate was broken open and the pump is dented."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        stack = new_stack(Path(scratch))
        stack.start()
        try:
            tell(browser, stack, folder)
        finally:
            stack.stop()


def tell(browser: Browser, stack: Stack, folder: Path) -> None:
    with Visit(browser, stack, "amy", LIGHT) as amy:
        run = start_complaint(amy, "SO-1042", WORDS)
        approval = waits_for_people(amy, run)
        picture(amy.page, folder / "run.png")
        with Visit(browser, stack, "li", LIGHT) as li:
            li.page.goto(f"/approvals?id={approval}")
            li.page.locator("article footer button").last.wait_for()
            picture(li.page, folder / "approval.png")
        with Visit(browser, stack, "li", CHINESE_PHONE) as li:
            li.page.goto(f"/approvals?id={approval}")
            li.page.locator("article footer button").last.wait_for()
            picture(li.page, folder / "chinese-phone.png")
        with Visit(browser, stack, "li", CHINESE) as li:
            approve(li, approval)
        amy.page.locator("header [data-tone=allow]").wait_for()
    with Visit(browser, stack, "ada", LIGHT) as ada:
        ada.page.goto("/log")
        ada.page.get_by_role("combobox").first.fill(f"run:{run} tool:erp.create_credit_note")
        ada.page.keyboard.press("Enter")
        row = ada.page.locator("[role=row][aria-rowindex]").nth(1)
        row.wait_for()
        row.click()
        ada.page.locator("dialog [data-state=proven]").wait_for()
        picture(ada.page, folder / "record.png")


def picture(page: Page, path: Path) -> None:
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=path)
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
