"""A run's own LangGraph checkpointer: what a graph needs for `interrupt()`, in memory, without serialising.

Durability is the workflow's; this only lets a graph go on from where it stopped. Only the newest state of each
namespace is kept, with its pending writes.
"""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.memory import InMemorySaver


class _Live:
    """A serialiser that keeps the object: the state never leaves the process."""

    def dumps_typed(self, obj: Any) -> tuple[str, Any]:
        return "live", obj

    def loads_typed(self, data: tuple[str, Any]) -> Any:
        return data[1]


class RunCheckpointer(InMemorySaver):
    """One run's newest checkpoints. Not shared between runs."""

    def __init__(self) -> None:
        super().__init__(serde=_Live())  # pyright: ignore[reportArgumentType]  # bytes nowhere leave this object

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        kept = await super().aput(config, checkpoint, metadata, new_versions)
        place: dict[str, Any] = config.get("configurable", {})
        self._keep_newest(str(place["thread_id"]), str(place["checkpoint_ns"]))
        return kept

    def _keep_newest(self, thread: str, namespace: str) -> None:
        known = self.storage[thread][namespace]
        newest = max(known)
        for old in [one for one in known if one != newest]:
            del known[old]
            self.writes.pop((thread, namespace, old), None)
        versions: Any = self.serde.loads_typed(known[newest][0])["channel_versions"]
        for key in [one for one in self.blobs if one[:2] == (thread, namespace) and versions.get(one[2]) != one[3]]:
            del self.blobs[key]
