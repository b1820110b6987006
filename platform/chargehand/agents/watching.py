"""Look over a run's shoulder while its workflow executes or is replayed in this process: for tests and time travel.

Nothing here is evidence, and nothing of it leaves the process. While nobody watches it costs a look at a tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

Seen = Literal["state", "model", "event"]
"""A state after a superstep and a model's answer come from the runtime, an event from the run's id."""

Watcher = Callable[[Seen, Any, Mapping[str, Any]], None]

_watchers: tuple[Watcher, ...] = ()


@contextmanager
def watch(watcher: Watcher) -> Generator[None]:
    """Tell `watcher` what every run of this process does while the block runs; it must be quick and raise nothing."""
    global _watchers  # runs execute on Temporal's own threads, where a context variable would not be seen
    _watchers = (*_watchers, watcher)
    try:
        yield
    finally:
        _watchers = tuple(one for one in _watchers if one is not watcher)


def watched() -> bool:
    """Whether anybody watches."""
    return bool(_watchers)


def tell(kind: Seen, source: Any, data: Mapping[str, Any]) -> None:
    """Tell those who watch."""
    for one in _watchers:
        one(kind, source, data)
