"""What authors import to test agents: the real policy engine, log, approvals and gateway around fake systems.

    from chargehand.testing import governed

    async def test_refund(tmp_path):
        run = await governed(my_agent, {"order": "SO-1"}, folder=tmp_path, tools={"erp.get_order": {"number": "SO-1"}})
        assert run.result["result"] == "refunded"

See docs/agents.md, "Test an agent".
"""

from chargehand.testing.fakes import Down, FakeConnectors, NoClearAnswer, Refuses
from chargehand.testing.models import ScriptedModel
from chargehand.testing.policies import FakePolicy, allow_everything, ask_for, deny_only
from chargehand.testing.world import GovernedRun, World, governed, world

__all__ = [
    "Down",
    "FakeConnectors",
    "FakePolicy",
    "GovernedRun",
    "NoClearAnswer",
    "Refuses",
    "ScriptedModel",
    "World",
    "allow_everything",
    "ask_for",
    "deny_only",
    "governed",
    "world",
]
