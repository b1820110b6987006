"""The static check finds what it says it finds, where it stands, and is quiet about what is right."""

from __future__ import annotations

import importlib.util
import sys
import textwrap
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from chargehand.agents.catalog import discover_agents
from chargehand.agents.lint import lint
from chargehand.agents.lint_model import Report
from chargehand.agents.model import AgentSpec

HEAD = """
import os, random, time, uuid, httpx
from contextlib import suppress
from datetime import datetime
from operator import add
from pathlib import Path
from typing import Annotated, Any, Literal
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict
from chargehand import (
    Budget, CallDenied, CallNotDone, Undo, agent, as_langchain_tools, ask_person, attempt, call, io_node, note, tool,
)
from chargehand.connectors.declare import Result

class Made(Result):
    number: str = ""

@tool(effect="read", delivery="safe", connector="lab", says="Look")
async def look() -> Made:
    "Look."
@tool(effect="write", delivery="keyed", connector="lab", says="Make", compensated_by="unmake")
async def make() -> Made:
    "Make."
@tool(effect="write", delivery="keyed", connector="lab", says="Unmake")
async def unmake() -> Made:
    "Unmake."

class State(TypedDict, total=False):
    n: int
    why: str
    done: bool
    log: Annotated[list[str], add]

def line(*nodes):
    graph = StateGraph(State)
    for node in nodes:
        graph.add_node(node.__name__, node)
    for one, two in zip([START, *[n.__name__ for n in nodes]], [*[n.__name__ for n in nodes], END]):
        graph.add_edge(one, two)
    return graph

def loop(node, router, ends=("node", END)):
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_conditional_edges("node", router, list(ends))
    return graph
"""
_numbers = count()
Check = Callable[..., Report]


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Check]:
    """Write a module that makes `graph`, and check an agent of it."""
    made: list[str] = []

    def of(body: str, tools: str = "look, make, unmake", more: str = "") -> Report:
        name = f"lint_example_{next(_numbers)}"
        tail = f"\nspec = agent(graph, name='example', owner='group:x', tools=[{tools}]{more})\n"
        file = tmp_path / f"{name}.py"
        file.write_text(HEAD + textwrap.dedent(body) + tail, "utf-8")
        module_spec = importlib.util.spec_from_file_location(name, file)
        assert module_spec
        assert module_spec.loader
        module = importlib.util.module_from_spec(module_spec)
        sys.modules[name] = module
        made.append(name)
        module_spec.loader.exec_module(module)
        spec: AgentSpec = module.spec
        return lint(spec)

    yield of
    for name in made:
        del sys.modules[name]


def said(report: Report) -> list[tuple[str, str]]:
    return [(one.rule, one.node) for one in report.findings if one.rule != "tool-not-used"]


def test_the_reference_agent_is_clean() -> None:
    report = lint(discover_agents().find("complaint-resolution"))
    assert (report.findings, report.allowed, report.not_checked) == ([], [], [])


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("datetime.now()", "datetime.now"),
        ("time.time()", "time.time"),
        ("random.random()", "random.random"),
        ("random.choice([1, 2])", "random.choice"),
        ("uuid.uuid4()", "uuid.uuid4"),
        ("os.environ['HOME']", "os.environ"),
        ("os.getenv('HOME')", "os.getenv"),
        ("open('x')", "open"),
        ("Path('x').read_text()", "Path('x').read_text"),
        ("TEMPLATE.read_text()", "TEMPLATE.read_text"),
        ("httpx.get('http://x')", "httpx.get"),
        ("socket.create_connection(('x', 1))", "socket.create_connection"),
        ("helper()", "uuid.uuid4"),
        ("subprocess.run(['x'])", "subprocess.run"),
        ("list(map(uuid.uuid4, []))", ""),
        ("sorted([1], key=random.uniform)", "random.uniform"),
    ],
)
def test_a_call_that_replay_can_not_repeat_is_found(check: Check, statement: str, what: str) -> None:
    report = check(
        f"""
        TEMPLATE = Path("x")
        def helper():
            return uuid.uuid4()
        def node(state):
            import socket, subprocess
            {statement}
            return {{}}
        graph = line(node)
        """
    )
    assert said(report) == [("non-deterministic-call", "node")]
    found = next(one for one in report.findings if one.rule == "non-deterministic-call")
    assert what in found.wrong
    assert (
        Path(found.file)
        .read_text("utf-8")
        .splitlines()[found.line - 1]
        .strip()
        .endswith("uuid.uuid4()" if statement == "helper()" else statement)
    )


@pytest.mark.parametrize(
    "statement",
    [
        "datetime.fromisoformat('2026-01-01')",
        "random.Random(7)",
        "Path('x').name",
        "uuid.uuid5(uuid.NAMESPACE_DNS, 'x')",
        "open = state.get('open')",
    ],
)
def test_what_gives_the_same_answer_every_time_is_fine(check: Check, statement: str) -> None:
    report = check(f"def node(state):\n    {statement}\n    return {{}}\ngraph = line(node)")
    assert said(report) == []


def test_an_io_node_may_do_what_it_likes(check: Check) -> None:
    report = check(
        """
        @io_node
        def node(state: State) -> State:
            return {"why": open("x").read() + str(uuid.uuid4())}
        graph = line(node)
        """
    )
    assert said(report) == []


def test_a_write_without_a_way_to_deny_is_found_through_helpers_and_tasks(check: Check) -> None:
    report = check(
        """
        async def helper():
            return await call(make)
        async def node(state):
            await helper()
            return {}
        graph = line(node)
        """
    )
    assert said(report) == [("write-without-way-to-deny", "node")]
    report = check(
        """
        @task
        async def making():
            return await call(make)
        @entrypoint()
        async def graph(state: dict) -> dict:
            await making()
            return {}
        """
    )
    assert said(report) == [("write-without-way-to-deny", "graph")]


def test_catching_only_denials_leaves_rejections_and_expiry(check: Check) -> None:
    body = """
        async def node(state):
            try:
                await call(make)
            except {kinds} as no:
                return {{"why": str(no)}}
            return {{}}
        graph = line(node)
        """
    assert said(check(body.format(kinds="CallDenied"))) == [("write-without-way-to-deny", "node")]
    assert said(check(body.format(kinds="CallNotDone"))) == []
    assert said(check(body.format(kinds="Exception"))) == []


def test_an_error_handler_of_the_graph_is_a_way_to_deny(check: Check) -> None:
    report = check(
        """
        async def node(state):
            await call(make)
            return {}
        def handle(state):
            return {"why": "no"}
        graph = StateGraph(State)
        graph.add_node("node", node, error_handler=handle)
        graph.add_edge(START, "node")
        """
    )
    assert said(report) == []


@pytest.mark.parametrize(
    "node",
    [
        "await attempt(make)\n    return {}",
        "done = await attempt(make)\n    return {'n': 1}",
        "d = await attempt(make)\n    if not d.succeeded:\n        note(str(d))\n        pass\n    return {'n': 1}",
        "done = await attempt(make)\n    if done.succeeded:\n        return {'n': 1}\n    return {'n': 0}",
        "done = await attempt(make)\n    return {'why': make.decode(done.value).number}",
        "try:\n        await call(make)\n    except CallNotDone:\n        pass\n    return {}",
        "with suppress(CallNotDone):\n        await call(make)\n    return {}",
    ],
)
def test_a_failure_of_which_nobody_hears_is_found(check: Check, node: str) -> None:
    report = check(f"async def node(state):\n    {node}\ngraph = line(node).compile()\ngraph.output_channels = ['n']")
    assert said(report) == [("error-branch-without-person", "node")]


@pytest.mark.parametrize(
    "node",
    [
        "d = await attempt(make)\n    if not d.succeeded:\n        await ask_person('No?', to='role:x')\n    return {}",
        "done = await attempt(make)\n    if not done.succeeded:\n        interrupt('No?')\n    return {}",
        "done = await attempt(make)\n    if not done.succeeded:\n        raise ValueError('no')\n    return {}",
        "done = await attempt(make)\n    return {'why': '' if done.succeeded else done.failure.detail}",
        "d = await attempt(make)\n    if d.failure:\n        x = d.failure\n        return {'why': x}\n    return {}",
        "return {'why': (await attempt(make)).state}",
        "return await handed(await attempt(make))",
        "try:\n        await call(make)\n    except CallNotDone as no:\n        return {'why': str(no)}\n    return {}",
        "done = await attempt(look)\n    return {}",
    ],
)
def test_a_failure_that_people_hear_of_is_fine(check: Check, node: str) -> None:
    report = check(
        f"async def handed(d):\n    return {{'why': d.state}}\nasync def node(state):\n    {node}\ngraph = line(node)"
    )
    assert said(report) == []


def test_a_flag_counts_where_a_router_leads_to_a_person(check: Check) -> None:
    body = """
        async def node(state):
            done = await attempt(make)
            if not done.succeeded:
                return {{"done": False}}
            return {{"done": True}}
        async def person(state):
            {person}
            return {{}}
        def router(state) -> Literal["person", "__end__"]:
            return END if state["done"] else "person"
        graph = StateGraph(State)
        graph.add_node("node", node)
        graph.add_node("person", person)
        graph.add_edge(START, "node")
        graph.add_conditional_edges("node", router)
        """
    assert said(check(body.format(person="await ask_person('What now?', to='role:x')"))) == []
    assert said(check(body.format(person="pass"))) == [("error-branch-without-person", "node")]


def test_a_failed_undoing_needs_a_person_and_no_text(check: Check) -> None:
    report = check(
        """
        async def node(state):
            done = await attempt(unmake)
            if not done.succeeded:
                return {"why": done.failure.detail}
            return {}
        graph = line(node)
        """
    )
    assert said(report) == [("error-branch-without-person", "node")]


@pytest.mark.parametrize(
    ("node", "router", "more"),
    [
        ("return {'n': state['n'] + 1}", "END if state['n'] > 3 else 'node'", ""),
        ("n = state.get('n', 0)\n    return {'n': n + 1}", "END if state['n'] > 3 else 'node'", ""),
        ("return {'log': ['again']}", "END if len(state['log']) >= 3 else 'node'", ""),
        ("await ask_person('Again?', to='role:x')\n    return {}", "END if state['done'] else 'node'", ""),
        ("return {'done': True}", "END if state['done'] else 'node'", ", recursion_limit=7"),
        ("await attempt(look)\n    return {}", "END if state['done'] else 'node'", ", budget=Budget(tool_calls=9)"),
    ],
)
def test_a_loop_that_something_ends_is_fine(check: Check, node: str, router: str, more: str) -> None:
    report = check(
        f"async def node(state):\n    {node}\ndef router(state):\n    return {router}\ngraph = loop(node, router)",
        more=more,
    )
    assert said(report) == []


@pytest.mark.parametrize(
    ("node", "router", "more"),
    [
        ("return {'done': True}", "END if state['done'] else 'node'", ""),
        ("return {'n': 7}", "END if state['n'] > 3 else 'node'", ""),
        ("return {'n': state['n'] + 1}", "END if state['done'] else 'node'", ""),
        ("return {}", "END if state['done'] else 'node'", ", budget=Budget(tool_calls=9)"),
    ],
)
def test_a_loop_that_nothing_ends_is_found(check: Check, node: str, router: str, more: str) -> None:
    report = check(
        f"async def node(state):\n    {node}\ndef router(state):\n    return {router}\ngraph = loop(node, router)",
        more=more,
    )
    assert said(report) == [("unbounded-loop", "node")]


def test_one_bounded_loop_does_not_hide_another(check: Check) -> None:
    report = check(
        """
        async def a(state): return {"n": state["n"] + 1}
        async def b(state): return {}
        async def c(state): return {}
        def from_a(state) -> Literal["b", "__end__"]: return END if state["n"] > 3 else "b"
        def from_c(state) -> Literal["a", "b"]: return "a" if state["done"] else "b"
        graph = line(a, b, c)
        graph.edges -= {("a", "b"), ("c", END)}
        graph.add_conditional_edges("a", from_a)
        graph.add_conditional_edges("c", from_c)
        """
    )
    assert [(one.rule, one.wrong) for one in report.findings if one.rule == "unbounded-loop"] == [
        ("unbounded-loop", "Nothing ends the loop b → c → b.")
    ]


def test_commands_and_subgraphs_make_loops_too(check: Check) -> None:
    report = check(
        """
        async def node(state) -> Command:
            return Command(goto="node")
        inner = StateGraph(State)
        inner.add_node("node", node)
        inner.add_edge(START, "node")
        graph = StateGraph(State)
        graph.add_node("inner", inner.compile())
        graph.add_edge(START, "inner")
        """
    )
    assert said(report) == [("unbounded-loop", "inner/node")]


def test_a_while_loop_of_the_authors_own(check: Check) -> None:
    body = """
        @entrypoint()
        async def graph(state: dict) -> dict:
            rounds = 0
            while {test}:
                await attempt(look)
                rounds += 1
            return {{}}
        """
    assert said(check(body.format(test="True"))) == [("unbounded-loop", "graph")]
    assert said(check(body.format(test="rounds < 3"))) == []


def test_tools_and_their_declaration_are_compared_both_ways(check: Check) -> None:
    report = check("async def node(state):\n    await attempt(look)\n    return {}\ngraph = line(node)", tools="unmake")
    assert [(one.rule, one.wrong.split()[0]) for one in report.findings] == [
        ("tool-not-used", "lab.unmake"),
        ("tool-not-declared", "lab.look"),
    ] or [(one.rule, one.wrong.split()[0]) for one in report.findings] == [
        ("tool-not-declared", "lab.look"),
        ("tool-not-used", "lab.unmake"),
    ]


def test_tools_that_a_model_chooses_from_are_used(check: Check) -> None:
    report = check(
        """
        from langgraph.prebuilt import ToolNode
        graph = StateGraph(State)
        graph.add_node("tools", ToolNode(as_langchain_tools(look, make)))
        graph.add_edge(START, "tools")
        """,
        tools="look",
    )
    assert [(one.rule, one.node) for one in report.findings] == [("tool-not-declared", "tools")]


def test_a_tool_that_only_a_run_chooses_is_admitted_as_not_checked(check: Check) -> None:
    report = check(
        "async def node(state):\n    tool = state['tool']\n    await attempt(tool)\n    return {}\ngraph = line(node)"
    )
    assert [one.rule for one in report.findings] == []
    assert "only a run decides" in report.not_checked[0]


def test_a_comment_with_a_reason_allows_a_finding_and_one_without_does_not(check: Check) -> None:
    body = """
        def node(state):
            uuid.uuid4()  # chargehand: allow(non-deterministic-call){why}
            return {{}}
        graph = line(node)
        """
    allowed = check(body.format(why=" only for the log"))
    assert said(allowed) == []
    assert [one.rule for one in allowed.allowed] == ["non-deterministic-call"]
    assert said(check(body.format(why=""))) == [("non-deterministic-call", "node")]


@pytest.mark.parametrize(
    ("body", "rule", "wrong", "way_out"),
    [
        ("call(look)", "leaf-not-awaited", "`call(…)` is not awaited", "await call(…)"),
        (
            "ask_person('x?', to='person:amy')",
            "leaf-not-awaited",
            "not awaited, so nothing happens",
            "await ask_person",
        ),
        ("global COUNT; COUNT = 1", "shared-state", "`global COUNT` is written", "graph's state"),
        ("SEEN.append(1)", "shared-state", "`SEEN` lives in the module", "graph's state"),
        ("KNOWN['x'] = 1", "shared-state", "`KNOWN` lives in the module", "graph's state"),
        ("[await attempt(look) for _ in {1, 2}]", "non-deterministic-call", "walked in another order", "sorted"),
        ("for _ in set(state): await attempt(look)", "non-deterministic-call", "walked in another order", "sorted"),
        ("hash('x')", "non-deterministic-call", "`hash`", "hashlib"),
        ("await wait([])", "non-deterministic-call", "`wait`", "asyncio.gather"),
    ],
)
def test_what_another_process_would_do_otherwise_is_found(
    check: Check, body: str, rule: str, wrong: str, way_out: str
) -> None:
    report = check(
        f"""
        from asyncio.tasks import wait
        SEEN, KNOWN, COUNT = [], dict(), 0
        async def node(state):
            {body}
            return {{}}
        graph = line(node)
        """,
        tools="look",
    )
    (found,) = [one for one in report.findings if one.rule != "tool-not-used"]
    assert (found.rule, found.node) == (rule, "node")
    assert wrong in found.wrong
    assert way_out in found.way_out


@pytest.mark.parametrize(
    "body",
    [
        "await attempt(look)",
        "asked = attempt(look); await asked",
        "mine = []; mine.append(1); mine[0] = 2",
        "state['log'] = []; state['log'].append(1)",
        "[await attempt(look) for _ in sorted({1, 2})]",
        "total = sum(one for one in {1, 2})",
        "found = KNOWN.get('x')",
    ],
)
def test_what_every_process_does_alike_is_fine(check: Check, body: str) -> None:
    report = check(
        f"""
        KNOWN = dict()
        async def node(state):
            {body}
            return {{}}
        graph = line(node)
        """
    )
    assert said(report) == []


def test_nothing_of_the_agent_is_run(check: Check) -> None:
    report = check(
        """
        class Trap:
            @property
            def value(self):
                raise AssertionError("was run")
        trap = Trap()
        def node(state):
            return {"n": trap.value}
        graph = line(node)
        """
    )
    assert said(report) == []


def test_programs_of_all_of_langgraphs_constructs_can_be_read() -> None:
    from dataclasses import replace

    from chargehand import agent
    from fixtures.agents_langgraph import double
    from fixtures.agents_patterns import PROGRAMS

    found: dict[str, Any] = {}
    for program in PROGRAMS:
        if "when it is declared" in program.note:
            continue
        spec = agent(program.build(), name="x", owner="group:x", tools=program.tools)
        report = lint(replace(spec, module=program.build.__module__))
        assert report.not_checked == []
        found[program.name] = {rule for rule, _ in said(report)}
    looping = {
        "python-tool", "react-agent", "recursion-limit", "structured-agent", "supervisor", "tool-node",
        "agentic-rag", "evaluator-optimizer", "functional-agent", "guards", "handoff-by-tool", "plan-and-execute",
        "prebuilt-supervisor", "prebuilt-swarm", "retry-and-fallback", "todo-list", "tool-selector", "tool-with-state",
    }  # fmt: skip
    assert {name for name, rules in found.items() if "unbounded-loop" in rules} == looping
    quiet = found.keys() - looping - {program.name for program in PROGRAMS if double in program.tools}
    assert {name: found[name] for name in quiet if found[name]} == {"unmarked-io": {"non-deterministic-call"}}
    assert found["unmarked-io"] == {"non-deterministic-call"}
    assert found["loop"] == found["subgraph-inside"] == found["middleware"] == set()
