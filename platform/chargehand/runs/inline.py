"""What LangGraph and authors ask of an event loop and Temporal's has not: it is answered in place, or refused in words.

LangChain runs synchronous functions in a thread pool, and LangGraph streams custom data through
`call_soon_threadsafe`, and asks whether the loop is closed when a task is cut short. A workflow has one thread, so
doing both at once is the same and is deterministic; and whatever asks runs on a loop that is open.

Connections and processes are refused with the node's name and the way out. A node that ends the process (`sys.exit`)
ends its own run: asyncio would raise that through the loop, and the worker of all runs would go with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NoReturn

from chargehand.runs.guard import refuse

_REFUSED = {
    "create_connection": "opens a connection",
    "create_unix_connection": "opens a connection",
    "create_datagram_endpoint": "opens a connection",
    "sock_connect": "opens a connection",
    "start_tls": "opens a connection",
    "getaddrinfo": "looks up a host name",
    "getnameinfo": "looks up a host name",
    "create_server": "opens a socket",
    "create_unix_server": "opens a socket",
    "subprocess_exec": "starts a process",
    "subprocess_shell": "starts a process",
    "connect_read_pipe": "opens a file",
    "connect_write_pipe": "opens a file",
    "add_reader": "waits for a file or a connection",
    "add_writer": "waits for a file or a connection",
}


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

    call_soon = loop.call_soon

    def contained(callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        return call_soon(_contained, callback, *args, context=context)

    loop.is_closed = lambda: False
    loop.run_in_executor = run_in_executor
    loop.call_soon_threadsafe = call_soon_threadsafe
    loop.call_soon = contained
    for name, does in _REFUSED.items():
        setattr(loop, name, _refusal(name, does))


def _contained(callback: Callable[..., Any], *args: Any) -> None:
    try:
        callback(*args)
    except (SystemExit, KeyboardInterrupt):
        return  # asyncio keeps it as the result of the task before it raises it


def _refusal(name: str, does: str) -> Callable[..., NoReturn]:
    def refused(*_args: Any, **_rest: Any) -> NoReturn:
        raise refuse(does, f"asyncio's {name}")

    return refused
