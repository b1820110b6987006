"""A run's own LangGraph checkpointer: what a graph needs for `interrupt()`, in memory, without serialising.

Durability is the workflow's; this only lets a graph go on from where it stopped. Only the newest state of each
namespace is kept, with its pending writes; and of the graph itself the states after the last few supersteps, so that
a run that fails can be taken up at one of them. `dump` writes the newest state for a run that goes on elsewhere.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import orjson
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    copy_checkpoint,
)
from langgraph.checkpoint.memory import InMemorySaver

from chargehand.agents import saved
from chargehand.agents.ledger import Ledger

THREAD = "run"
KEPT_SUPERSTEPS = 10
NOT_BEGUN = -2
_FORMAT = 1
_FORGOTTEN = "__error__"


class _Live:
    """A serialiser that keeps the object: the state never leaves the process."""

    def dumps_typed(self, obj: Any) -> tuple[str, Any]:
        return "live", obj

    def loads_typed(self, data: tuple[str, Any]) -> Any:
        return data[1]


@dataclass(slots=True)
class Superstep:
    """The graph's state between two supersteps. `position` is the next leaf's, `counter` how many states were numbered
    by then, `step` LangGraph's number of the superstep.
    """

    checkpoint: str
    position: int
    counter: int
    step: int
    parts: dict[str, Any]

    def dump(self) -> str:
        """Raises BadInput when something in the state can't be kept."""
        return _text(self.parts, self)

    async def nodes(self, graph: Any) -> list[str]:
        """The nodes of the compiled graph that begin from here."""
        there = RunCheckpointer(Ledger())
        there.take(self.parts)
        config = {"configurable": {"thread_id": THREAD, "__pregel_checkpointer": there}}
        begin: tuple[str, ...] = (await graph.aget_state(config)).next
        return list(dict.fromkeys(name for name in begin if not name.startswith("__")))


class RunCheckpointer(InMemorySaver):
    """One run's newest checkpoints. Not shared between runs."""

    def __init__(self, ledger: Ledger, state: str = "") -> None:
        """With the `state` that `dump` wrote, the graph goes on from there."""
        super().__init__(serde=_Live())  # pyright: ignore[reportArgumentType]  # bytes nowhere leave this object
        self._ledger = ledger
        self.supersteps: deque[Superstep] = deque(maxlen=KEPT_SUPERSTEPS)
        if state:
            parts, begins = _parts_of(state)
            self.take(parts)
            if begins:  # where it fails before the next superstep, it can be taken up at this one
                self._remember(max(self.storage[THREAD][""]), *begins)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        kept = await super().aput(config, checkpoint, metadata, new_versions)
        place: dict[str, Any] = config.get("configurable", {})
        namespace = str(place["checkpoint_ns"])
        self._keep_newest(str(place["thread_id"]), namespace)
        if not namespace:
            self._remember(str(checkpoint["id"]), self._ledger.next_position, self._ledger.next_checkpoint)
        return kept

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        # LangGraph goes on counting versions in what it loads; what is kept must not move with it.
        found = super().get_tuple(config)
        return None if found is None else found._replace(checkpoint=copy_checkpoint(found.checkpoint))

    @property
    def step(self) -> int:
        """LangGraph's number of the graph's newest state; -2 before it has begun."""
        known = self.storage[THREAD][""]
        metadata: Any = self.serde.loads_typed(known[max(known)][1]) if known else {}
        return int(metadata.get("step", NOT_BEGUN))

    def dump(self) -> str:
        """The newest state of every namespace, with its pending writes. Raises BadInput when it can't be kept."""
        newest = self.supersteps[-1] if self.supersteps else None
        return _text(self._parts(list(self.storage[THREAD]), with_writes=True), newest)

    def _remember(self, checkpoint: str, position: int, counter: int) -> None:
        if self.supersteps and self.supersteps[-1].checkpoint == checkpoint:
            return
        parts = self._parts([""], with_writes=False)
        self.supersteps.append(Superstep(checkpoint, position, counter, self.step, parts))

    def _parts(self, namespaces: list[str], *, with_writes: bool) -> dict[str, Any]:
        states = [
            [namespace, checkpoint, self.serde.loads_typed(state), self.serde.loads_typed(metadata), parent or ""]
            for namespace in namespaces
            for checkpoint, (state, metadata, parent) in self.storage[THREAD][namespace].items()
        ]
        values = [
            [namespace, channel, version, kind, value]
            for (thread, namespace, channel, version), (kind, value) in self.blobs.items()
            if thread == THREAD and namespace in namespaces
        ]
        writes = [
            [namespace, checkpoint, task, index, channel, self.serde.loads_typed(value), path]
            for (thread, namespace, checkpoint), made in self.writes.items()
            for (task, index), (_, channel, value, path) in made.items()
            if with_writes and thread == THREAD and namespace in namespaces and channel != _FORGOTTEN
        ]
        return {"format": _FORMAT, "states": states, "values": values, "writes": writes}

    def take(self, parts: dict[str, Any]) -> None:
        """Hold the state that these parts are."""
        for namespace, checkpoint, state, metadata, parent in parts["states"]:
            kept: Any = (("live", state), ("live", metadata), parent or None)
            self.storage[THREAD][namespace][checkpoint] = kept
        for namespace, channel, version, kind, value in parts["values"]:
            self.blobs[(THREAD, namespace, channel, version)] = (kind, value)
        for namespace, checkpoint, task, index, channel, value, path in parts["writes"]:
            written: Any = (task, channel, ("live", value), path)
            self.writes[(THREAD, namespace, checkpoint)][(task, index)] = written

    def _keep_newest(self, thread: str, namespace: str) -> None:
        known = self.storage[thread][namespace]
        newest = max(known)
        for old in [one for one in known if one != newest]:
            del known[old]
            self.writes.pop((thread, namespace, old), None)
        versions: Any = self.serde.loads_typed(known[newest][0])["channel_versions"]
        for key in [one for one in self.blobs if one[:2] == (thread, namespace) and versions.get(one[2]) != one[3]]:
            del self.blobs[key]


def _text(parts: dict[str, Any], superstep: Superstep | None) -> str:
    """Each value by itself, so that one which has not changed is the same text wherever it stands.

    `begins` is where the leaves of the superstep that follows begin, some of which may have begun.
    """
    values = [[*place, saved.dumps(value, what=f"state.{place[1]}")] for *place, value in parts["values"]]
    begins = [superstep.position, superstep.counter] if superstep else []
    return orjson.dumps({"values": values, "rest": saved.dumps({**parts, "values": []}), "begins": begins}).decode()


def _parts_of(text: str) -> tuple[dict[str, Any], list[int]]:
    kept = orjson.loads(text)
    values = [[*place, saved.loads(value)] for *place, value in kept["values"]]
    return {**saved.loads(kept["rest"]), "values": values}, kept.get("begins", [])
