"""What authors import to test agents: the real policy engine, log, approvals and gateway around fake systems.

    async def test_refund(governed):                      # a fixture of the pytest plugin that comes with us
        run = await governed(my_agent, {"order": "SO-1"}, tools={"erp.get_order": {"number": "SO-1"}})
        assert run.result["result"] == "refunded"
        assert run.at("look_up").state["order"]["number"] == "SO-1"

See docs/testing.md. Names are looked up when they are first used: `given_inputs` needs hypothesis, the rest does not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chargehand.testing.case import Case, load_case, load_cases, save_case
    from chargehand.testing.comparison import Comparison, compare
    from chargehand.testing.evaluation import Evaluation, evaluate
    from chargehand.testing.fakes import Down, FakeConnectors, NoClearAnswer, Refuses
    from chargehand.testing.models import ScriptedModel, calls
    from chargehand.testing.playing import Played, play
    from chargehand.testing.policies import FakePolicy, allow_everything, ask_for, deny_only
    from chargehand.testing.recorded import RecordedConnectors, UnrecordedCall, recording
    from chargehand.testing.run import GovernedRun
    from chargehand.testing.schema_inputs import given_inputs, inputs
    from chargehand.testing.worlds import World, governed, world

_HOMES = {
    "Case": "case",
    "Comparison": "comparison",
    "Down": "fakes",
    "Evaluation": "evaluation",
    "FakeConnectors": "fakes",
    "FakePolicy": "policies",
    "GovernedRun": "run",
    "NoClearAnswer": "fakes",
    "Played": "playing",
    "RecordedConnectors": "recorded",
    "Refuses": "fakes",
    "ScriptedModel": "models",
    "UnrecordedCall": "recorded",
    "World": "worlds",
    "allow_everything": "policies",
    "ask_for": "policies",
    "calls": "models",
    "compare": "comparison",
    "deny_only": "policies",
    "evaluate": "evaluation",
    "given_inputs": "schema_inputs",
    "governed": "worlds",
    "inputs": "schema_inputs",
    "load_case": "case",
    "load_cases": "case",
    "play": "playing",
    "recording": "recorded",
    "save_case": "case",
    "world": "worlds",
}

__all__ = [
    "Case",
    "Comparison",
    "Down",
    "Evaluation",
    "FakeConnectors",
    "FakePolicy",
    "GovernedRun",
    "NoClearAnswer",
    "Played",
    "RecordedConnectors",
    "Refuses",
    "ScriptedModel",
    "UnrecordedCall",
    "World",
    "allow_everything",
    "ask_for",
    "calls",
    "compare",
    "deny_only",
    "evaluate",
    "given_inputs",
    "governed",
    "inputs",
    "load_case",
    "load_cases",
    "play",
    "recording",
    "save_case",
    "world",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'chargehand.testing' has no attribute {name!r}")
    return getattr(import_module(f"chargehand.testing.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
