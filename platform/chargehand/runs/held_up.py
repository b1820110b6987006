"""Why a run does not move, in sentences: what its worker or Temporal says of it, and what a person may do.

Pure: `runs.evidence` asks Temporal, and what it found is told here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chargehand.agents.model import AgentSpec
from chargehand.runs.model import HeldUp, HeldUpKind

# Codes of Temporal's SDK, at the head of its messages.
_HISTORY = "[TMPRL1100]"
_COMPUTING = "[TMPRL1101]"
_PART = "A stored part of the run"
_NO_FOLDER = "a large payload is kept in a folder"
_UNUSABLE = "Large values of runs can't be kept"
_KEY = "encrypted with another key"
_NO_AGENT = "There is no agent"
_NO_AGENTS = "This worker has no agents"
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)')
_LONGEST = 600

_THEN = " Then it goes on by itself; or stop it hard."

SENTENCES: dict[HeldUpKind, tuple[str, str]] = {
    "history": (
        "What it has done so far does not fit the code that its worker runs now: {detail}",
        "Take the change back, or start an agents worker with the code on which it began, version {version}.",
    ),
    "part": (
        "A large value of it can't be read, or kept: {detail}",
        "Give all workers and the API the same folder (CHARGEHAND_BLOBS_DIR), or restore what is missing there.",
    ),
    "key": (
        "What Temporal stores of it can't be decrypted: it was encrypted with another key, or changed.",
        "Give all workers and the API the same payload key (CHARGEHAND_PAYLOAD_KEY_FILE), and start them again.",
    ),
    "unknown_agent": (
        "The worker that took it does not know its agent {agent}.",
        "Install the agent where the agents workers run, and start them again.",
    ),
    "computing": (
        "Its code computes for seconds without giving way, and is begun again each time.",
        "Mark the node with @io_node, so that it runs beside the run, and start the agents worker with that.",
    ),
    "no_answer": (
        "Its worker took its next step {attempts} times and never answered: it dies of it, or computes for too long.",
        "Look into the agents worker's log, mend what it says, and start it again.",
    ),
    "step_fails": (
        "Its worker can't take its next step, and tries it again: {detail}",
        "Mend what it says, and start the agents worker again.",
    ),
    "call_fails": (
        "What it asks of a worker ({call}) fails there each time: {detail}",
        "Mend what it says; it is tried again.",
    ),
    "no_release": (
        "No agents worker of its release {release} takes its next step.",
        "Start one: that release's code, with CHARGEHAND_RELEASE={release} chargehand serve agents.",
    ),
    "no_agents": (
        "No agents worker takes its next step.",
        "Start one: chargehand serve agents. If some are up, they are too busy: start more.",
    ),
    "no_gateway": (
        "No gateway worker does what it asks for ({call}).",
        "Start one: chargehand serve gateway. If some are up, they are too busy: start more.",
    ),
    "no_temporal": (
        "Temporal, which carries every run, does not answer.",
        "Start it, or see whether CHARGEHAND_TEMPORAL_ADDRESS names it.",
    ),
}
"""The sentence and the way out by kind; the console has them in every language, with the same parameters."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What Temporal says of a run that has not moved.

    `what`: its next step fails again and again, or nobody takes it; or the same of a `call`, which it asked for.
    `message`, `type` and `trace` are those of the failure; `release` the one on which it is, empty for none.
    """

    what: Literal["step_fails", "step_waits", "call_fails", "call_waits", "no_answer", "no_temporal"]
    since: datetime
    message: str = ""
    type: str = ""
    trace: str = ""
    call: str = ""
    by_agents: bool = False
    release: str = ""
    attempts: int = 0


def found(evidence: Evidence, agent: str, version: str, spec: AgentSpec | None, node: str = "") -> HeldUp:
    """The finding. `spec`: the agent as it is installed here, if it is; `node`: where the run is in its graph."""
    kind = _kind(evidence)
    parameters = {"agent": agent, "version": version}
    if "{detail}" in SENTENCES[kind][0]:
        parameters["detail"] = _detail(evidence.message)
    if evidence.call:
        parameters["call"] = evidence.call
    if kind == "no_answer":
        parameters["attempts"] = str(evidence.attempts)
    if kind == "no_release":
        parameters["release"] = evidence.release
    sentence, way_out = SENTENCES[kind]
    return HeldUp(
        kind=kind,
        sentence=sentence.format_map(parameters),
        way_out=way_out.format_map(parameters) + _THEN,
        since=evidence.since,
        node=node,
        line=_line(evidence.trace, spec) if spec else "",
        parameters=parameters,
    )


def _kind(evidence: Evidence) -> HeldUpKind:
    if evidence.what in ("no_temporal", "no_answer"):
        return evidence.what
    if evidence.what in ("step_waits", "call_waits"):
        if evidence.what == "call_waits" and not evidence.by_agents:
            return "no_gateway"
        return "no_release" if evidence.release else "no_agents"
    message = evidence.message
    if _KEY in message:
        return "key"
    if any(words in message for words in (_PART, _NO_FOLDER, _UNUSABLE)):
        return "part"
    if evidence.what == "call_fails":
        return "call_fails"
    if message.startswith(_HISTORY):
        return "history"
    if message.startswith(_COMPUTING):
        return "computing"
    return "unknown_agent" if message.startswith((_NO_AGENT, _NO_AGENTS)) else "step_fails"


def _detail(message: str) -> str:
    """The message without codes that say nothing to people, as one line."""
    text = " ".join(message.replace(_HISTORY, "").replace("Nondeterminism error:", "").split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _line(trace: str, spec: AgentSpec) -> str:
    """`module.function, line 12` of the last frame in the agent's own package, wherever it is installed."""
    package = spec.module.rpartition(".")[0] or spec.module
    last = ""
    for frame in _FRAME.finditer(trace):
        dotted = frame["file"].replace("\\", "/").removesuffix(".py").replace("/", ".")
        for module in (spec.module, package):
            if dotted.endswith(f".{module}") or f".{module}." in dotted:
                name = dotted[dotted.rindex(f".{module}") + 1 :]
                last = f"{name}.{frame['function']}, line {frame['line']}"
                break
    return last
