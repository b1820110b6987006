"""A project of one's own, as a customer makes it: in an environment of its own, tested, linted, checked."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from chargehand.cli.main import run
from fixtures.customer import Customer, new_customer


@pytest.fixture(scope="module")
def customer(tmp_path_factory: pytest.TempPathFactory) -> Customer:
    return new_customer(tmp_path_factory.mktemp("customer"))


def test_a_new_project_is_green_at_once(customer: Customer) -> None:
    tested = customer.says("pytest", "-q")
    assert tested.returncode == 0, tested.stdout
    assert "3 passed" in tested.stdout
    linted = customer.command("agents", "lint", "order-answer", "--json")
    assert linted.returncode == 0, linted.stdout
    assert json.loads(linted.stdout)[0] == {
        "agent": "order-answer", "findings": [], "allowed": [], "not_checked": [],
    }  # fmt: skip
    checked = customer.command("policy", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "5 of 5 expected decisions hold" in checked.stdout
    assert "!" not in checked.stdout


def _commands(readme: Path) -> list[list[str]]:
    lines = [line.strip().partition("#")[0] for line in readme.read_text("utf-8").splitlines() if line[:4] == "    "]
    return [shlex.split(line) for line in lines if line and not line.startswith(("python -m venv", "pip install"))]


def test_the_commands_of_its_readmes_run(customer: Customer) -> None:
    agent = customer.nodes("order-answer").with_name("README.md")
    said = [" ".join(one) for one in _commands(customer.folder / "README.md") + _commands(agent)]
    run = ["chargehand agents lint", "chargehand agents graph order-answer"]
    elsewhere = {
        "pytest": "test_a_new_project_is_green_at_once",
        "pytest tests/test_order_answer.py": "the same",
        "chargehand agents lint order-answer": "the same",
        "chargehand policy check": "the same",
        "chargehand agents dev": "test_agents_dev.py",
        "chargehand login amy": "tests/docs/test_readme.py",
        "chargehand run start order-answer --set order_number=SO-1042 --set email=li.na@example.com": "by hand",
        "chargehand approvals list": "tests/docs/test_readme.py",
    }
    assert sorted(said) == sorted([*run, *elsewhere])
    for line in run:
        done = customer.command(*line.split()[1:])
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"


def test_a_second_agent_is_green_too_and_takes_nothing_away(customer: Customer) -> None:
    rules = customer.folder / "policies" / "demo" / "rules.yaml"
    before = rules.read_text("utf-8")
    made = customer.command("agents", "new", "parcel-news")
    assert made.returncode == 0, made.stderr
    assert rules.read_text("utf-8").startswith(before.rstrip("\n"))
    assert customer.says("pytest", "-q", "tests/test_parcel_news.py").returncode == 0
    assert customer.command("agents", "lint", "parcel-news").returncode == 0
    assert "10 of 10 expected decisions hold" in customer.command("policy", "check").stdout
    again = customer.command("agents", "new", "parcel-news")
    assert again.returncode == 1
    assert "Nothing was written" in again.stderr


def test_a_mistake_in_an_agent_is_found_with_its_place(customer: Customer) -> None:
    assert customer.command("agents", "new", "with-mistakes").returncode == 0
    nodes = customer.folder / "src" / "acme_agents" / "with_mistakes" / "nodes.py"
    text = nodes.read_text("utf-8").replace(
        "async def look_up(state: State) -> dict[str, Any]:\n",
        "async def look_up(state: State) -> dict[str, Any]:\n    import random\n\n    random.random()\n",
    )
    nodes.write_text(text, "utf-8")
    linted = customer.command("agents", "lint", "with-mistakes", "--json")
    assert linted.returncode == 1
    (found,) = json.loads(linted.stdout)[0]["findings"]
    assert (found["rule"], found["node"]) == ("non-deterministic-call", "look_up")
    assert (customer.folder / found["file"]).samefile(nodes)
    assert text.splitlines()[found["line"] - 1].strip() == "random.random()"
    said = customer.command("agents", "lint", "with-mistakes")
    assert "src/acme_agents/with_mistakes/nodes.py:" in said.stdout


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "README.md").write_text("Mine.")
    assert run(["init", str(folder)]) == 1
    assert "README.md" in capsys.readouterr().err
    assert [one.name for one in folder.iterdir()] == ["README.md"]


@pytest.mark.parametrize("name", ["Bad", "a_b", "1a", "class", "../x", ""])
def test_a_name_that_can_not_be_one_writes_nothing(tmp_path: Path, name: str) -> None:
    assert run(["init", str(tmp_path / "good"), "--agent", name]) == 2
    assert list(tmp_path.iterdir()) == []


def test_an_agent_needs_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["agents", "new", "x"]) == 2
    assert "chargehand init" in capsys.readouterr().err


def test_a_policy_that_is_not_right_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", str(tmp_path / "mine")]) == 0
    monkeypatch.chdir(tmp_path / "mine")
    (tmp_path / "mine/policies/demo/approvals.yaml").write_text("{}\n")
    before = sorted((tmp_path / "mine").rglob("*"))
    assert run(["agents", "new", "second"]) == 1
    assert "approval" in capsys.readouterr().err
    assert sorted((tmp_path / "mine").rglob("*")) == before
