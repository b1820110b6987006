"""Replay a run's stored history on today's code: whether a release would go on with it as if nothing had happened."""

from __future__ import annotations

from dataclasses import replace

from temporalio.client import WorkflowHistory
from temporalio.converter import DefaultFailureConverter
from temporalio.worker import Replayer

from chargehand.agents.catalog import AgentCatalog
from chargehand.runs.blobs import Blobs
from chargehand.runs.codec import data_converter
from chargehand.runs.plugin import langgraph_plugin
from chargehand.runs.registry import register


async def replay(
    agents: AgentCatalog, run: str, history: str, *, key: bytes | None = None, blobs: Blobs | None = None
) -> str:
    """Empty when the history (JSON, as Temporal writes it) replays; else what differs, as a sentence.

    `key` decrypts payloads, and `blobs` has the large ones. Sets the agents of this process.
    """
    register(agents)
    # What fails here is for the person who asked, and goes nowhere: it stays readable.
    converter = replace(data_converter(key, blobs), failure_converter_class=DefaultFailureConverter)
    replayer = Replayer(workflows=[], data_converter=converter, plugins=[langgraph_plugin()])
    result = await replayer.replay_workflow(WorkflowHistory.from_json(run, history), raise_on_replay_failure=False)
    if result.replay_failure is None:
        return ""
    return (
        f"The run {run} can't go on with this version of its agent: its history and the code differ. "
        f"Keep a worker of the old version until such runs have ended. ({result.replay_failure})"
    )
