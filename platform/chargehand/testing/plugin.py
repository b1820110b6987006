"""The pytest plugin: installed with Chargehand, it offers fixtures and one option, and costs nothing until used.

`governed`: await governed(my_agent, {...}, tools={...}, model=[...]): a run to its end, in milliseconds
`governed_world`: async with governed_world([my_agent], …) as here: a world to play people in
`recorded`: async with recorded("refund.yaml", my_agent) as tools: real answers, recorded once
`--record-connectors` records those anew, from the real systems

All of a session's runs share one Temporal whose clock can jump; each has a database, a log and a policy of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from chargehand.agents.model import AgentSpec
    from chargehand.testing.run import GovernedRun

OPTION = "--record-connectors"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chargehand")
    group.addoption(OPTION, action="store_true", help="record the answers of real systems anew (fixture `recorded`)")


class SharedTemporal:
    """A Temporal that is started when first asked for, and again after a test left a run open on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: Any = None
        self._now: Any = None

    def now(self) -> Any:
        """The server in use; blocks while it starts."""
        from chargehand.worker.local import local_temporal

        if self._now is None or self._now.spoiled:
            self.stop()
            self._server = local_temporal()
            self._now = self._run(self._server.__aenter__())
        return self._now

    def stop(self) -> None:
        """Stop the server, if there is one."""
        if self._now is not None:
            self._now = None
            self._run(self._server.__aexit__(None, None, None))

    def close(self) -> None:
        """Stop everything."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@pytest.fixture(scope="session")
def governed_temporal() -> Generator[SharedTemporal]:
    """The session's Temporal; `now()` gives the server."""
    shared = SharedTemporal()
    yield shared
    shared.close()


@pytest.fixture
def governed_world(governed_temporal: SharedTemporal, tmp_path: Path) -> Callable[..., Any]:
    """`chargehand.testing.worlds` in a folder of the test's, on the session's Temporal."""
    from chargehand.testing.worlds import world

    numbers = count(1)

    def make(agents: Any, **how: Any) -> Any:
        folder = tmp_path / f"world-{next(numbers)}"
        folder.mkdir()
        return world(folder, agents, **{"temporal": governed_temporal.now(), **how})

    return make


@pytest.fixture
def governed(governed_temporal: SharedTemporal) -> Callable[..., Any]:
    """`chargehand.testing.governed` on the session's Temporal."""
    from chargehand.testing.worlds import governed as run

    async def on_it(agent: AgentSpec, value: Mapping[str, Any], **how: Any) -> GovernedRun:
        return await run(agent, value, **{"temporal": governed_temporal.now(), **how})

    return on_it


@pytest.fixture
def recorded(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`chargehand.testing.recording` with a file beside the test, and the agent's tools."""
    from chargehand.testing.recorded import recording

    def make(name: str, agent: AgentSpec, **how: Any) -> Any:
        again = bool(request.config.getoption(OPTION))
        return recording(request.path.parent / name, tools=agent.tools, again=again, **how)

    return make
