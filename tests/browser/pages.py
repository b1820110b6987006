"""Every page and the states it can be in: what is pictured, and what is checked for accessibility."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from driver import LOOKS, PHONE
from playwright.sync_api import Page

Act = Callable[[Page], None]


@dataclass(frozen=True)
class View:
    """`path` in a `state` (full, empty, error, forbidden, signed-out, frozen), after `act`."""

    name: str
    path: str
    state: str = "full"
    act: Act | None = None
    ready: str = "h1"
    """Selector that is there once the page shows what it is about."""


def _open_palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").wait_for()


def _open_stop(page: Page) -> None:
    if page.locator("aside").is_visible():
        page.locator("aside button[class*=stop]").click()
    else:
        page.locator("header button").first.click()
        page.locator("dialog button[class*=stop]").click()
    page.locator("form#stop select option").nth(1).wait_for(state="attached")
    page.locator("form#stop select").select_option(index=1)


def _confirm(page: Page) -> None:
    page.wait_for_timeout(700)  # keys and buttons are ignored until an item has been in sight for 600 ms
    page.locator("article footer button").last.click()
    page.get_by_role("alertdialog").wait_for()


def _exact(page: Page) -> None:
    page.locator("article h3 ~ button").first.click()


def _submit(page: Page) -> None:
    page.locator("form button[type=submit]").click()


def _trace(page: Page) -> None:
    page.locator("label:has(input[value=trace])").click()
    page.locator("summary").nth(1).click()


def _retry(page: Page) -> None:
    page.locator("[role=group] button[aria-pressed]").first.click()
    page.locator("[class*=tabs] button").first.click()
    page.locator("dialog input[type=radio]").first.wait_for()


def _child(page: Page) -> None:
    page.locator("ol summary").first.click()
    page.locator("details [role=group]").first.wait_for()


def _export(page: Page) -> None:
    page.locator("header button").last.click()
    page.locator("dialog progress").wait_for()


def _filter(page: Page) -> None:
    page.get_by_role("combobox").first.click()
    page.keyboard.type("decision:")
    page.get_by_role("option").first.wait_for()


def _ask(page: Page) -> None:
    page.locator("select").nth(2).select_option(index=1)


def _suggest(page: Page) -> None:
    page.locator("article footer button").first.click()
    page.locator("dialog form").wait_for()


def _hand_over(page: Page) -> None:
    page.locator("article header button").first.click()
    page.get_by_role("menuitem").first.click()
    page.locator("dialog option").nth(1).wait_for(state="attached")


def _mandate_like(page: Page) -> None:
    page.locator("article header button").first.click()
    page.get_by_role("menuitem").nth(1).click()
    page.locator("dialog h2").last.wait_for()


def _new_hook(page: Page) -> None:
    page.locator("header button[data-look=primary]").click()
    page.locator("dialog select").first.select_option(index=1)
    page.locator("dialog fieldset").wait_for()


def _edit_hook(page: Page) -> None:
    page.locator("td button").first.click()
    page.get_by_role("menuitem").nth(1).click()
    page.locator("dialog fieldset").wait_for()


def _new_intake(page: Page) -> None:
    page.locator("section section button").first.click()
    page.locator("dialog select").last.select_option(index=1)
    page.locator("dialog fieldset").wait_for()


def _new_intake_problems(page: Page) -> None:
    """What can be told without the server is said at its field, which gets the focus."""
    _new_intake(page)
    page.locator("dialog input").first.fill("Complaints by mail")
    page.locator("dialog footer button").last.click()
    page.locator("dialog [aria-invalid=true]:focus").wait_for()


def _delete_intake(page: Page) -> None:
    page.locator("section td button[aria-haspopup]").last.click()
    page.get_by_role("menuitem").last.click()
    page.locator("dialog h2").wait_for()


def _edit_intake(page: Page) -> None:
    page.locator("section td button[aria-haspopup]").last.click()
    page.get_by_role("menuitem").first.click()
    page.locator("dialog fieldset").wait_for()


def _deliveries(page: Page) -> None:
    page.locator("td button").first.click()
    page.get_by_role("menuitem").first.click()
    page.locator("dialog td").first.wait_for()


def _plan(page: Page) -> None:
    page.locator("label:has(input[value=later])").click()
    page.locator("label:has(input[value=again])").click()
    page.locator("fieldset li time").first.wait_for()


def _delete_plan(page: Page) -> None:
    page.locator("td button").first.click()
    page.get_by_role("menuitem").last.click()
    page.locator("dialog h2").wait_for()


DATA = [
    View("start", "/start", ready="h2 a"),
    View("start-form", "/start/complaint-resolution", ready="form"),
    View("start-form-problems", "/start/complaint-resolution", act=_submit, ready="form"),
    View("start-planned", "/start/complaint-resolution", act=_plan, ready="form"),
    View("schedules", "/schedules", ready="td"),
    View("schedules-delete", "/schedules", act=_delete_plan, ready="td"),
    View("hooks", "/webhooks", ready="td"),
    View("hooks-new", "/webhooks", act=_new_hook, ready="td"),
    View("hooks-edit", "/webhooks", act=_edit_hook, ready="td"),
    View("intakes-new", "/webhooks", act=_new_intake, ready="section td"),
    View("intakes-new-problems", "/webhooks", act=_new_intake_problems, ready="section td"),
    View("intakes-delete", "/webhooks", act=_delete_intake, ready="section td"),
    View("intakes-edit", "/webhooks", act=_edit_intake, ready="section td"),
    View("hooks-deliveries", "/webhooks", act=_deliveries, ready="td"),
    View("runs", "/runs", ready="td"),
    View("run-waiting", "/runs/run_01KB0000000000000000000001", ready="[role=group] button[aria-pressed]"),
    View("run-held-up", "/runs/run_01KB0000000000000000000009", ready="[role=group] button[aria-pressed]"),
    View("run-trace", "/runs/run_01KB0000000000000000000001", act=_trace, ready="[role=group] button[aria-pressed]"),
    View("run-child", "/runs/run_01KB0000000000000000000001", act=_child, ready="[role=group] button[aria-pressed]"),
    View("run-mcp", "/runs/mcp_01KB00000000000000000000", ready="td"),
    View("run-finished", "/runs/run_01KB0000000000000000000003", ready="[role=group] button[aria-pressed]"),
    View("run-retry", "/runs/run_01KB0000000000000000000005", act=_retry, ready="[role=group] button[aria-pressed]"),
    View("run-failed", "/runs/run_01KB0000000000000000000005", ready="[role=group] button[aria-pressed]"),
    View("approval", "/approvals?id=apr_1", ready="article h2"),
    View("approval-exact", "/approvals?id=apr_1", act=_exact, ready="article h2"),
    View("approval-confirm", "/approvals?id=apr_1", act=_confirm, ready="article h2"),
    View("approval-hand-over", "/approvals?id=apr_1", act=_hand_over, ready="article h2"),
    View("approval-mandate", "/approvals?id=apr_1", act=_mandate_like, ready="article h2"),
    View("approval-suggest", "/approvals?id=apr_1", act=_suggest, ready="article h2"),
    View("approvals-closed", "/approvals?tab=closed", ready="li button"),
    View("mandates", "/approvals?tab=mandates", ready="td"),
    View("log", "/log", ready="[role=cell]"),
    View("log-filter", "/log", act=_filter, ready="[role=cell]"),
    View("log-record", "/log?seq=48207", ready="dialog h3"),
    View("log-export", "/log", act=_export, ready="[role=cell]"),
    View("policies", "/policies", ready="td"),
    View("policy-ask", "/policies?tab=ask", act=_ask, ready="select"),
    View("policy-checks", "/policies?tab=checks", ready="td"),
    View("policy-drafts", "/policies?tab=drafts", ready="td"),
    View("policy-revisions", "/policies?tab=revisions", ready="td"),
    View("policy-draft", "/policies/drafts/drf_1", ready="textarea"),
    View("alerts", "/alerts", ready="main li"),
    View("agents", "/agents", ready="td"),
    View("agent", "/agents/complaint-resolution", ready="[role=group] button[aria-pressed]"),
    View("connectors", "/connectors", ready="main li"),
    View("connector", "/connectors/erp", ready="td"),
    View("usage", "/usage", ready="td"),
    View("people", "/people", ready="td"),
    View("settings", "/settings", ready="h2"),
    View("palette", "/agents", act=_open_palette, ready="td"),
    View("stop", "/agents", act=_open_stop, ready="td"),
    View("frozen", "/runs", state="frozen", ready="[role=region]"),
    View("not-found", "/nowhere"),
]  # fmt: skip
PLAIN = (
    "/start",
    "/runs",
    "/schedules",
    "/webhooks",
    "/approvals",
    "/log",
    "/policies",
    "/alerts",
    "/agents",
    "/connectors",
    "/usage",
    "/people",
)
STATES = [
    View("signed-out", "/", state="signed-out", ready="form"),
    *[View(f"{path[1:]}-{state}", path, state=state) for path in PLAIN for state in ("empty", "error", "forbidden")],
]
VIEWS = [*DATA, *STATES]


def brief() -> set[tuple[str, str]]:
    """A short version: each page on a phone, each view once in a look by turns, each kind of state once."""
    by_turns = {(view.name, LOOKS[turn % len(LOOKS)].name) for turn, view in enumerate(DATA)}
    on_a_phone = {(view.name, PHONE.name) for view in DATA if view.act is None}
    states = {(view.name, look.name) for view, look in zip(STATES[:4], LOOKS, strict=True)}
    return by_turns | on_a_phone | states


def show(page: Page, view: View) -> None:
    """Bring the page there, settled."""
    page.goto(view.path)
    page.locator(view.ready).first.wait_for()
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(150)
    if view.act:
        view.act(page)
        page.wait_for_timeout(150)
