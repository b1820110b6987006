"""A run that delegates to another agent becomes one case: what systems, models and people did in both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from chargehand import agent, ask_person, attempt, chat_model, run_agent, wait_for
from chargehand.errors import BadInput
from chargehand.testing import Case, World, ask_for, evaluate, load_case, save_case
from chargehand.testing.from_run import Said, case_of
from fixtures.agents_langgraph import double, pay

PEOPLE = {"person:li": ("lead",)}


class State(TypedDict, total=False):
    n: int
    said: str


async def paying(state: State) -> State:
    said = await chat_model("light").ainvoke(f"Pay {state['n']}?")
    done = await attempt(pay, x=state["n"])
    return {"said": f"{said.content} {done.state}"}


async def delegating(state: State) -> State:
    twice = await attempt(double, x=state["n"])
    below = await run_agent("payer", {"n": twice.value["value"]})
    name = await ask_person("Who looked?", to="person:amy")
    return {"said": f"{below.value['said']}; {name}"}


async def waiting(_state: State) -> State:
    return {"said": str(await wait_for("news"))}


def one_node(name: str, node: Any, **how: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return agent(graph, name=name, owner="group:lab", **how)


def agents() -> list[Any]:
    payer = one_node("payer", paying, tools=[pay])
    return [one_node("chief", delegating, tools=[double], agents=["payer"]), payer]


async def recorded(governed_world: Any) -> Case:
    """The case of a run in which a lead approves what the agent below pays."""
    specs = agents()
    tools = {"lab.double": lambda x: {"value": x * 2}, "lab.pay": lambda x: {"value": x}}
    policy = ask_for("lab.pay", people=PEOPLE)
    async with governed_world(specs, tools=tools, model=["Yes,"], policy=policy) as here:
        run = await here.start("chief", {"n": 4})
        child = await here.until(lambda: child_of(here, run.id), "it to delegate")
        asked = await here.approval(child)
        await here.verdict(asked, by="li", comment="Fine.")
        task = await here.task(run.id)
        await here.runs.answer(here.person("amy"), task.id, "Amy")
        done = await here.end(run.id)
        assert done.result["said"] == "Yes, succeeded; Amy"
        verdicts = {asked.id: [Said("person:li", approve=True, comment="Fine.")]}
        films = [here.camera.film(run.id), here.camera.film(child)]
        return case_of(films, here.agents, by="person:amy", verdicts=verdicts)


async def child_of(here: World, run: str) -> str | None:
    children = (await here.runs.get(here.person("amy"), run)).children
    return children[0] if children else None


async def test_both_runs_are_one_case_that_is_played_again(
    governed_world: Any, governed_temporal: Any, tmp_path: Path
) -> None:
    save_case(await recorded(governed_world), tmp_path / "both.yaml")
    case = load_case(tmp_path / "both.yaml")
    assert [(one.tool, one.arguments) for one in case.calls] == [("lab.double", {"x": 4}), ("lab.pay", {"x": 8})]
    assert [(one.approve, one.answer, one.by) for one in case.people] == [("lab.pay", None, "li"), ("", "Amy", "amy")]
    assert [one.after for one in case.model] == [1]
    assert case.expect.effects == {"lab.pay": 1}
    assert list(case.expect.decisions or {}) == ["lab.double"]
    policy = ask_for("lab.pay", people=PEOPLE)
    (report,) = (await evaluate([case], agents(), policy=policy, temporal=governed_temporal.now())).cases
    assert report.problems == []
    without = case.model_copy(update={"people": case.people[1:]})
    (report,) = (await evaluate([without], agents(), policy=policy, temporal=governed_temporal.now())).cases
    assert "The run waits for people (approval" in report.problems[0]


async def test_what_can_not_be_played_again_is_named(governed_world: Any) -> None:
    async with governed_world([one_node("waiter", waiting)]) as here:
        run = await here.start("waiter", {"n": 1})
        await here.runs.send(here.person("amy"), run.id, "news", {"good": True})
        await here.end(run.id)
        with pytest.raises(BadInput, match=r"an event from outside \(news\)") as told:
            case_of([here.camera.film(run.id)], here.agents, by="person:amy", verdicts={})
        assert "Write the case by hand" in told.value.way_out
