"""Connectors from packages and from `connectors.toml`: usable, or refused with every reason at once."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from chargehand.connectors.model import Connector
from chargehand.connectors.pins import load_pins
from chargehand.connectors.registry import check, load_connectors
from chargehand.connectors.service import declared_changes
from chargehand.discovery import discover_demo_systems, find_in
from chargehand.errors import BadPolicy, BadSettings
from chargehand.settings import Settings

ROOT = Path(__file__).parents[3]
GOOD = """
[crm]
title = "CRM"
command = ["crm-mcp", "--stdio"]
environment = ["CRM_TOKEN"]
[crm.tools.find_case]
effect = "read"
delivery = "safe"
[crm.tools.close-case]
effect = "irreversible"
delivery = "once"
lookup = "find_case"
says = "Close it"
"""


def test_the_built_in_connectors_are_found_and_sound(tmp_path: Path) -> None:
    connectors = load_connectors(tmp_path)
    assert {"logistics", "mail"} <= {connector.name for connector in connectors}
    assert [problem for connector in connectors for problem in check(connector)] == []


@pytest.mark.parametrize("name", ["erp", "logistics", "mail"])
def test_the_pins_in_the_repository_are_the_declarations(name: str) -> None:
    (connector,) = (each for each in load_connectors(ROOT / "policies") if each.name == name)
    changes = declared_changes(load_pins(ROOT / "policies"), connector)
    assert changes == [], f"review, then `chargehand connectors pin {name}`"


def test_a_foreign_server_offers_what_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "connectors.toml").write_text(GOOD)
    crm = next(connector for connector in load_connectors(tmp_path) if connector.name == "crm")
    assert not crm.is_ours
    assert [review.tool for review in crm.reviews] == ["crm.find_case", "crm.close-case"]
    assert crm.reviews[1].lookup == "crm.find_case"


@pytest.mark.parametrize(
    ("was", "now", "why"),
    [
        ('effect = "read"', 'effect = "none"', "effect"),
        ('effect = "read"', 'efect = "read"', "efect"),
        ('delivery = "once"', 'delivery = "safe"', "irreversible"),
        ('lookup = "find_case"', 'lookup = "nothing"', "lookup"),
        ("[crm]", "[Erp-2]", "Erp-2"),
        ("[crm]", "[mail]", "mail"),
        ('command = ["crm-mcp", "--stdio"]', "", "command or url"),
        ('command = ["crm-mcp", "--stdio"]', 'url = "http://crm.example.com/mcp"', "https"),
        ('title = "CRM"', "title = 1", "title"),
        ('title = "CRM"', "", "title"),
        ("[crm.tools.find_case]", "[crm.tools.'find case']", "find case"),
        ('title = "CRM"', 'title = "CRM', "connectors.toml"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(tmp_path: Path, was: str, now: str, why: str) -> None:
    assert was in GOOD
    (tmp_path / "connectors.toml").write_text(
        GOOD.replace(was, now).replace("[crm.", f"{now[:-1]}.") if was == "[crm]" else GOOD.replace(was, now)
    )
    with pytest.raises(BadPolicy, match=why):
        load_connectors(tmp_path)


def test_every_problem_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "connectors.toml").write_text(GOOD.replace('"read"', '"none"').replace('"once"', '"twice"'))
    with pytest.raises(BadPolicy, match=r"(?s)find_case.*close-case"):
        load_connectors(tmp_path)


def test_a_connector_that_contradicts_itself_is_told() -> None:
    broken = Connector("crm", "CRM", "crm", (), command=("crm",))
    assert any("either command or url" in problem for problem in check(broken))


def test_demo_systems_name_their_ports_and_settings() -> None:
    systems = {found.thing.name: found.thing for found in discover_demo_systems()}
    assert {"carrier", "mailbox"} <= systems.keys()
    for name in ("carrier", "mailbox"):
        system = systems[name]
        assert len(system.ports(Settings())) == len(system.settings)
        assert system.ready(Settings()).endswith("/health")


def test_every_failure_of_a_package_is_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "broken_connectors"
    for name, body in {"": "", "empty": "", "raises": "1 / 0", "missing": "import no_such_module"}.items():
        (package / name).mkdir(exist_ok=True)
        (package / name / "__init__.py").write_text(body)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        with pytest.raises(BadSettings, match=r"(?s)3 of .*empty.*missing.*raises"):
            find_in(importlib.import_module("broken_connectors"), Connector)
    finally:
        for name in [name for name in sys.modules if name.startswith("broken_connectors")]:
            del sys.modules[name]
