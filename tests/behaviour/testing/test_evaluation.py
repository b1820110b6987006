"""Cases judged, and played on two versions: the reference agent's own set, and what an evaluation must notice."""

from __future__ import annotations

import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from chargehand.cli.main import run as command
from chargehand.policy.service import PolicyService
from chargehand.testing import Case, Evaluation, compare, evaluate, load_case, load_cases, play
from chargehand.testing.case import Expected, Limits, PersonStep
from chargehand.testing.evaluation import CaseReport, MadeCall
from chargehand.testing.page import comparison_page
from chargehand_workflows.complaint_resolution import complaint_resolution

ROOT = Path(__file__).parents[3]
CASES = ROOT / "workflows/chargehand_workflows/complaint_resolution/cases"
AGENTS = [complaint_resolution]


@pytest.fixture(scope="module")
def policy() -> PolicyService:
    return PolicyService.from_folder(ROOT / "policies")


def changed(file: str, **changes: Any) -> Case:
    return load_case(CASES / f"{file}.yaml").model_copy(update=changes)


async def judged(governed_temporal: Any, policy: Any, case: Case) -> Any:
    found = await evaluate([case], AGENTS, policy=policy, temporal=governed_temporal.now())
    return found.cases[0]


async def test_the_reference_agent_passes_its_cases(governed_temporal: Any, policy: PolicyService) -> None:
    found = await evaluate(load_cases(CASES), AGENTS, policy=policy, temporal=governed_temporal.now())
    assert [one.problems for one in found.cases] == [[]] * len(found.cases)
    assert found.cost == {"USD": "0.000186"}
    assert found.policy == policy.revision("demo")


@pytest.mark.parametrize(
    ("expect", "says"),
    [
        ({"state": "failed"}, "It is succeeded, not failed"),
        ({"result": {"result": "replaced"}}, "result.result is 'refunded', not 'replaced'"),
        (
            {"decisions": {"erp.create_credit_note": ["allow"]}},
            "Policy decided ask on erp.create_credit_note, not allow",
        ),
        ({"approvals": {}}, "approvals of erp.create_credit_note were approved, not none"),
        ({"effects": {}}, "erp.create_credit_note had 1 effects, not 0"),
        ({"nodes": ["look_up"]}, "The nodes were look_up, "),
        ({"never": ["mail.send"]}, "mail.send was called, which must never happen"),
        ({"limits": Limits(calls=3)}, "It used 6 calls; 3 is the most"),
    ],
)
async def test_what_does_not_hold_is_said(
    governed_temporal: Any, policy: PolicyService, expect: dict[str, Any], says: str
) -> None:
    report = await judged(governed_temporal, policy, changed("a-lead-approves", expect=Expected(**expect)))
    assert not report.passed
    assert says in " ".join(report.problems)


async def test_a_run_that_waits_for_nobody_in_the_case_is_told_at_once(
    governed_temporal: Any, policy: PolicyService
) -> None:
    played = await play(changed("a-lead-approves", people=[]), AGENTS, policy=policy, temporal=governed_temporal.now())
    (problem,) = played.problems
    assert "The run waits for people" in problem
    assert "the case has nobody for it" in problem
    assert governed_temporal.now().spoiled is False  # a new server takes the place of the one with the open run


async def test_people_who_are_not_needed_and_agents_that_are_not_there_are_told(
    governed_temporal: Any, policy: PolicyService
) -> None:
    people = [PersonStep(approve="erp.create_credit_note", by="li")]
    report = await judged(governed_temporal, policy, changed("small-refund", people=people))
    assert report.problems == ["1 steps of the people's part were not needed."]
    report = await judged(governed_temporal, policy, changed("small-refund", agent="nobody"))
    assert report.problems == ["There is no agent 'nobody'; there are complaint-resolution."]
    report = await judged(governed_temporal, policy, changed("small-refund", by="ada"))
    assert "It was not started" in report.problems[0]


async def test_days_of_waiting_pass_at_once(governed_temporal: Any, policy: PolicyService) -> None:
    case = changed("a-lead-rejects", people=[PersonStep(wait="4d")], strict=False, expect=Expected(effects=None))
    report = await judged(governed_temporal, policy, case)
    assert report.approvals == ["erp.create_credit_note: expired"]
    assert report.days > 2
    assert report.seconds < 30


async def test_two_evaluations_are_compared_call_by_call(governed_temporal: Any, policy: PolicyService) -> None:
    old = await evaluate([changed("small-refund")], AGENTS, policy=policy, temporal=governed_temporal.now())
    new = Evaluation.model_validate(old.model_dump())
    assert compare(old, new).changed == 0
    calls = new.cases[0].calls
    calls[-1].arguments["subject"] = "Another"
    calls[-2].decision = "ask"
    del calls[0]
    calls.append(calls[0].model_copy(update={"tool": "erp.find_orders"}))
    found = compare(old, new)
    assert {one.kind for one in found.cases[0].changes} == {"arguments", "decision", "removed", "added"}


def test_the_command_judges_a_folder_and_writes_a_page(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    page = tmp_path / "report.html"
    assert command(["agents", "evaluate", str(CASES), "--html", str(page), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert all(one["passed"] for one in found["cases"])
    text = page.read_text("utf-8")
    parser = _Page()
    parser.feed(text)
    assert parser.outside == []
    assert f"{len(found['cases'])} of {len(found['cases'])} cases passed." in text
    case = changed("small-refund", expect=Expected(state="failed"), name="<b>wrong</b>")
    (tmp_path / "wrong.yaml").write_text(json.dumps(case.model_dump(mode="json")), "utf-8")
    assert command(["agents", "evaluate", str(tmp_path / "wrong.yaml"), "--html", str(page)]) == 1
    assert "It is succeeded, not failed" in capfd.readouterr().out
    assert "<b>wrong" not in page.read_text("utf-8")


def test_the_command_compares_a_git_revision_with_what_is_here(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    other = tmp_path / "other"
    shutil.copytree(ROOT / "workflows/chargehand_workflows", other / "src/chargehand_workflows")
    nodes = other / "src/chargehand_workflows/complaint_resolution/texts.py"
    text = nodes.read_text("utf-8")
    assert 'subject = f"Refund ' in text
    nodes.write_text(text.replace('subject = f"Refund ', 'subject = f"Money back: '), "utf-8")
    for asked in (["git", "init", "-q"], ["git", "add", "."], ["git", *_SOMEBODY, "commit", "-qm", "other"]):
        subprocess.run(asked, cwd=other, check=True)
    cases = [str(CASES / "small-refund.yaml"), str(CASES / "late-is-no-reason.yaml")]
    monkeypatch.chdir(other)
    monkeypatch.setenv("CHARGEHAND_POLICIES_DIR", str(ROOT / "policies"))
    assert command(["agents", "compare", "here", "HEAD", *cases, "--json"]) == 0
    found = {one["name"]: one for one in json.loads(capfd.readouterr().out)["cases"]}
    (change,) = found["small-refund"]["changes"]
    assert change["kind"] == "arguments"
    assert "subject is 'Money back: 420.00 EUR" in change["says"]
    assert found["late-is-no-reason"]["changes"] == []
    assert command(["agents", "compare", "here", "no-such-revision", *cases]) == 2
    assert "no folder, no wheel and no git revision" in capfd.readouterr().err


def _report(name: str, version: str, reason: str, *more: str) -> CaseReport:
    calls = [MadeCall(tool=tool, arguments={}, step="n", decision="allow", outcome="succeeded") for tool in more]
    made = MadeCall(tool="erp.refund", arguments={"reason": reason}, step="n", decision="allow", outcome="succeeded")
    return CaseReport(name=name, agent="a", version=version, passed=True, state="succeeded", calls=[made, *calls])


def test_a_comparison_shows_what_differs_before_and_after_and_in_how_many_cases() -> None:
    old = [_report("one", "v1", "goods <b>broken</b>", "mail.send"), _report("two", "v1", "goods late")]
    new = [_report("one", "v2", "all goods <b>broken</b>"), _report("two", "v2", "all goods late")]
    found = compare(Evaluation(cases=old), Evaluation(cases=new))
    assert found.kinds == {"erp.refund: reason": ["one", "two"], "mail.send is not called": ["one"]}
    assert [one.says for one in found.cases[0].changes][1] == "mail.send is not called; before, it succeeded."
    text = comparison_page(found)
    assert "<ins>all </ins>goods &lt;b&gt;broken&lt;/b&gt;" in text
    assert "a v1 → v2." in text
    assert "<b>broken" not in text
    page = _Page()
    page.feed(text)
    assert page.outside == []


_SOMEBODY = ("-c", "user.name=x", "-c", "user.email=x@example.com")


class _Page(HTMLParser):
    """What a page fetches from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe"):
            self.outside.append(tag)
        self.outside += [value for name, value in attrs if name == "href" and value and not value.startswith("#")]
