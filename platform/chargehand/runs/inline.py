"""Three things that LangGraph asks of an event loop and Temporal's has not: they are answered in place.

LangChain runs synchronous functions in a thread pool, and LangGraph streams custom data through
`call_soon_threadsafe`, and asks whether the loop is closed when a task is cut short. A workflow has one thread, so
doing both at once is the same and is deterministic; and whatever asks runs on a loop that is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


def run_inline() -> None:
    """Complete the running loop, for the workflow it belongs to."""
    loop: Any = asyncio.get_running_loop()

    def run_in_executor(_executor: object, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = loop.create_future()
        try:
            future.set_result(function(*args))
        except StopIteration as error:  # a future can't hold it
            future.set_exception(RuntimeError(f"a generator ended: {error}"))
        except Exception as error:
            future.set_exception(error)
        return future

    def call_soon_threadsafe(callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        return loop.call_soon(callback, *args, context=context)

    loop.is_closed = lambda: False
    loop.run_in_executor = run_in_executor
    loop.call_soon_threadsafe = call_soon_threadsafe
