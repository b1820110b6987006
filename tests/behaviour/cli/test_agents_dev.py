"""`chargehand agents dev` in a fresh project, as an author types it: a stack of its own, and every save taken over."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from fixtures.customer import Customer, new_customer
from fixtures.stack import PASSWORD, free_ports, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

AGENT = """
from typing import TypedDict

from langgraph.graph import START, StateGraph

from chargehand import agent, attempt
from chargehand_connectors.mail import tools as mail


class State(TypedDict, total=False):
    number: int
    said: str


async def say(state: State) -> State:
    return {"said": "first"}


graph = StateGraph(State)
graph.add_node("say", say)
graph.add_edge(START, "say")
order_answer = agent(graph, name="order-answer", owner="group:staff", tools=[])
"""


@dataclass
class Developing:
    """A running `chargehand agents dev --json`."""

    process: subprocess.Popen[str]
    customer: Customer
    errors: Path

    def said(self, event: str) -> dict[str, Any]:
        """The next event of that kind; what comes before it is passed over."""
        assert self.process.stdout
        for line in self.process.stdout:
            found: dict[str, Any] = json.loads(line)
            if found["event"] == event:
                return found
        raise AssertionError(f"{event} was never said:\n{self.errors.read_text()[-4000:]}")

    def facts(self) -> dict[str, Any]:
        return json.loads((self.customer.folder / ".chargehand" / "dev.json").read_text())

    def result(self) -> str:
        """What a run says that is started now."""
        url = f"http://127.0.0.1:{self.customer.variables['CHARGEHAND_API_PORT']}"
        with httpx.Client(base_url=url, headers={"Origin": url, "X-Chargehand": "1"}, trust_env=False) as api:
            api.post("/api/session", json={"name": "amy", "password": PASSWORD}).raise_for_status()
            assert api.get("/").status_code == 200  # the console
            run = api.post("/api/runs", json={"agent": "order-answer", "input": {"number": 1}}).raise_for_status()
            detail = f"/api/runs/{run.json()['id']}"
            until(lambda: api.get(detail).json()["state"] == "succeeded", 30, lambda: api.get(detail).text)
            return api.get(detail).json()["result"]["said"]


@contextmanager
def developing(home: Path) -> Iterator[Developing]:
    api, temporal = free_ports(2)
    variables = {
        "CHARGEHAND_API_PORT": str(api),
        "CHARGEHAND_TEMPORAL_ADDRESS": f"127.0.0.1:{temporal}",
        "CHARGEHAND_DEMO_PASSWORD": PASSWORD,
    }
    customer = new_customer(home, variables=variables)
    customer.nodes("order-answer").with_name("__init__.py").write_text(AGENT)
    errors = home / "errors.log"
    with errors.open("w") as file:
        process = subprocess.Popen(
            [str(customer.python), "-m", "chargehand.cli", "agents", "dev", "--json"],
            cwd=customer.folder,
            env=customer.environment,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    try:
        yield Developing(process, customer, errors)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_one_command_serves_a_project_without_what_it_does_not_use_and_takes_over_saves(tmp_path: Path) -> None:
    with developing(tmp_path) as dev:
        code = dev.customer.nodes("order-answer").with_name("__init__.py")
        dev.said("serving")
        assert set(dev.facts()["pids"]) == {"temporal", "api", "gateway", "agents"}
        assert dev.result() == "first"

        code.write_text(AGENT.replace("async def say", "async def says"))
        assert "NameError" in dev.said("broken")["why"]
        assert dev.result() == "first"

        code.write_text(AGENT.replace('"first"', '"second"'))
        told = dev.said("serving")
        assert (told["runs"], told["waits"], told["lacks"]) == (0, {}, [])
        assert dev.result() == "second"

        code.write_text(AGENT.replace('"first"', '"third"').replace("tools=[]", "tools=[mail.send]"))
        assert dev.said("serving")["lacks"] == ["Demo mail server"]
        state = dev.customer.folder / ".chargehand"
    assert dev.process.returncode == 0
    assert not (state / "dev.json").exists()
    assert [one for one in Path("/proc").iterdir() if one.name.isdigit() and str(tmp_path).encode() in _of(one)] == []


def _of(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
