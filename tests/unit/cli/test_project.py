"""Which demo systems a project needs: those that its agents' connectors reach, and no system of one's own."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent
from chargehand.agents.catalog import AgentCatalog
from chargehand.agents.model import AgentSpec
from chargehand.cli.project import connectors_used, systems_for
from chargehand.discovery import discover_demo_systems
from chargehand_connectors import erp, logistics, mail

CONNECTORS = [erp.connector, logistics.connector, mail.connector]
SYSTEMS = [found.thing for found in discover_demo_systems()]


class State(TypedDict, total=False):
    n: int


def spec(name: str, module: str, **how: Any) -> AgentSpec:
    graph = StateGraph(State)
    graph.add_node("node", lambda state: state)
    graph.add_edge(START, "node")
    made = agent(graph, name=name, owner="group:lab", **how)
    object.__setattr__(made, "module", module)
    return made


def test_the_connectors_of_a_project_are_its_agents_and_those_they_delegate_to() -> None:
    agents = AgentCatalog(
        [
            spec("mine", "acme.mine", tools=[mail.send], agents=["below"]),
            spec("below", "other.below", tools=[logistics.track_shipment]),
            spec("stranger", "acme_other.stranger", tools=[erp.get_order]),
        ]
    )
    assert connectors_used(agents, ["acme"]) == {"mail", "logistics"}
    assert connectors_used(agents, []) == frozenset()


@pytest.mark.parametrize(
    ("used", "environment", "needed"),
    [
        ([], {}, []),
        (["mail"], {}, ["mailbox"]),
        (["logistics"], {}, ["carrier", "tryton"]),
        (["erp", "mail"], {}, ["mailbox", "tryton"]),
        (["erp", "mail"], {"CHARGEHAND_ERP_URL": "https://erp.example"}, ["mailbox"]),
        (["erp"], {"CHARGEHAND_ERP_URL": ""}, ["tryton"]),
        (["unknown"], {}, []),
    ],
)
def test_a_demo_system_is_needed_where_no_system_of_ones_own_is_named(
    used: list[str], environment: dict[str, str], needed: list[str]
) -> None:
    assert sorted(one.name for one in systems_for(used, SYSTEMS, CONNECTORS, environment)) == needed
