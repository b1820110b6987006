"""An `@io_node` that fails says why and where, in words that every process can keep."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from chargehand.agents import io_node
from chargehand.runs import node_activity
from chargehand.runs.payloads import IoNodeIn


@io_node.io_node
def refuses(state: dict[str, Any]) -> dict[str, Any]:
    raise KeyError(state["words"])


@io_node.io_node
async def ends_the_process(state: dict[str, Any]) -> dict[str, Any]:
    sys.exit(3)


async def run(function: Any, value: Any) -> Any:
    node = f"{__name__}:{function.__name__}"
    return await ActivityEnvironment().run(node_activity.io_node, IoNodeIn(node=node, value=value))


@pytest.mark.parametrize("words", ["no such file", "half \ud800", "long " * 1_000_000], ids=["plain", "half", "long"])
async def test_it_says_why_and_on_which_line(words: str) -> None:
    with pytest.raises(ApplicationError) as caught:
        await run(refuses, {"words": words})
    assert caught.value.type == "KeyError"
    assert caught.value.message.startswith(f"KeyError: '{words[:4]}")
    assert len(caught.value.message.encode()) < 5_000
    assert caught.value.__cause__ is None, "the error as it was may be too large, or no text at all"
    if len(words) < 100:
        assert "test_io_nodes.refuses, line " in caught.value.message


async def test_one_that_ends_the_process_ends_no_worker() -> None:
    with pytest.raises(ApplicationError, match="ends the process"):
        await run(ends_the_process, {})
