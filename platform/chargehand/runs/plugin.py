"""What makes Temporal's workflow thread a home for LangGraph, as one worker plugin.

It brings the workflow class, the guard against I/O, and the deterministic ids; each worker and each replayer of
ours carries it, so that they can't differ.
"""

from __future__ import annotations

from temporalio.plugin import SimplePlugin
from temporalio.worker import UnsandboxedWorkflowRunner

from chargehand.agents import determinism
from chargehand.runs import guard
from chargehand.runs.workflow import AgentRun


def langgraph_plugin() -> SimplePlugin:
    """For `Worker(plugins=[…])` and `Replayer(plugins=[…])`.

    Temporal's module sandbox is off: it re-imports modules for each workflow, and passing our own, LangChain's and
    the author's packages through it (which the cost forces) leaves nothing inside. The guard, the lint and the replay
    tests stand in its place (docs/decisions/0061).
    """
    determinism.install()
    guard.install()
    return SimplePlugin("chargehand-langgraph", workflows=[AgentRun], workflow_runner=UnsandboxedWorkflowRunner())
