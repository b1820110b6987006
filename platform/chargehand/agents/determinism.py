"""LangGraph and asyncio under replay: the same ids and the same order every time.

Outside of a run nothing changes. Inside of one, the random ids of messages and checkpoints come from the run, and
finished branches are taken in the order in which they started instead of the order of a set. This replaces names in
four modules of the pinned langgraph version; tests/replay notice when that stops working.

`asyncio.as_completed` starts what it is given in the order of a set, and `asyncio.wait` gives sets: under replay each
call would be given the answer of another. Inside of a run both keep the order in which they were given.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Iterable, Iterator, MutableSet
from types import ModuleType
from typing import Any

from chargehand.agents.runtime import running

_installed = False
_REAL_AS_COMPLETED, _REAL_WAIT = asyncio.as_completed, asyncio.wait


class _Shim(ModuleType):
    """A module with some names replaced; everything else is looked up in the real one."""

    def __init__(self, real: ModuleType, **replaced: Any) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(replaced)
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def install() -> None:
    """Put the replacements in place; once a process, before any graph runs."""
    global _installed  # a process-wide patch is process-wide state
    if _installed:
        return
    _installed = True
    import langgraph.checkpoint.base as base
    import langgraph.graph.message as message
    import langgraph.pregel._checkpoint as checkpoint
    import langgraph.pregel._messages as messages
    import langgraph.pregel._runner as runner

    asyncio.as_completed = _as_completed  # pyright: ignore[reportAttributeAccessIssue]  # as asyncio's, in order
    asyncio.wait = _wait  # pyright: ignore[reportAttributeAccessIssue]  # as above
    real_uuid6 = checkpoint.uuid6
    message.uuid = _Shim(uuid, uuid4=_uuid4)  # pyright: ignore[reportAttributeAccessIssue]  # a module stands in
    messages.uuid4 = _uuid4  # pyright: ignore[reportPrivateImportUsage]  # its own import is what it looks up
    runner.asyncio = _Shim(asyncio, wait=_ordered_wait)  # pyright: ignore[reportAttributeAccessIssue]  # as above

    def uuid6(node: int | None = None, clock_seq: int | None = None) -> Any:
        runtime = running()
        if runtime is None:
            return real_uuid6(node, clock_seq)
        # Checkpoint ids sort by creation: the run's own counter stands where the clock was.
        return _Sequence.next(runtime)

    checkpoint.uuid6 = uuid6  # pyright: ignore[reportPrivateImportUsage]  # its own import is what it looks up
    base.uuid6 = uuid6  # pyright: ignore[reportPrivateImportUsage]  # its own import is what it looks up


class _Sequence:
    """Version-6-shaped ids that count up, one sequence a run."""

    @staticmethod
    def next(runtime: Any) -> uuid.UUID:
        runtime.ledger.next_checkpoint += 1
        count = runtime.ledger.next_checkpoint
        return uuid.UUID(int=(count >> 12 << 80) | (6 << 76) | ((count & 0xFFF) << 64) | (2 << 62))


def _uuid4() -> uuid.UUID:
    runtime = running()
    return uuid.uuid4() if runtime is None else runtime.uuid()


async def _ordered_wait(
    futures: Iterable[asyncio.Future[Any]],
    *,
    timeout: float | None = None,  # noqa: ASYNC109  # asyncio.wait's own signature
    return_when: str = asyncio.ALL_COMPLETED,
) -> tuple[list[asyncio.Future[Any]], list[asyncio.Future[Any]]]:
    given = list(dict.fromkeys(futures))
    done, _ = await _REAL_WAIT(given, timeout=timeout, return_when=return_when)
    return [one for one in given if one in done], [one for one in given if one not in done]


class InOrder(MutableSet[Any]):
    """A set that is walked in the order in which it was filled."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self._items = dict.fromkeys(items)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def add(self, value: Any) -> None:
        self._items[value] = None

    def discard(self, value: Any) -> None:
        self._items.pop(value, None)


async def _wait(
    fs: Iterable[asyncio.Future[Any]],
    *,
    timeout: float | None = None,  # noqa: ASYNC109  # asyncio.wait's own signature
    return_when: str = asyncio.ALL_COMPLETED,
) -> tuple[MutableSet[asyncio.Future[Any]], MutableSet[asyncio.Future[Any]]]:
    if running() is None:
        return await _REAL_WAIT(fs, timeout=timeout, return_when=return_when)
    done, pending = await _ordered_wait(fs, timeout=timeout, return_when=return_when)
    return InOrder(done), InOrder(pending)


def _as_completed(fs: Iterable[Awaitable[Any]], *, timeout: float | None = None) -> Any:
    if running() is None:
        return _REAL_AS_COMPLETED(fs, timeout=timeout)
    return _REAL_AS_COMPLETED([_begun(one) for one in dict.fromkeys(fs)], timeout=timeout)


def _begun(one: Awaitable[Any]) -> asyncio.Future[Any]:
    """As a task that is yet to end: those that have ended would be given in the order of a set."""
    task = asyncio.ensure_future(one)
    return asyncio.ensure_future(_result(task)) if task.done() else task


async def _result(task: asyncio.Future[Any]) -> Any:
    return await task
