"""Transports towards connectors that may be hostile: a cap on bytes, strict JSON, no surprises.

`ChildTransport` owns one child process; `http_client` makes the HTTP client that a URL is reached through. Both end the
conversation on the first violation, so that calls under way become ambiguous at once and not at their deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

import anyio
import httpx2
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage

from chargehand.connectors import strict
from chargehand.errors import BadInput

MAX_ANSWER_BYTES = 64 * 1024 * 1024  # a result of 20 MB comes twice: as text, and structured
MAX_STRAY_LINES = 100
MAX_LOG_LINE_BYTES = 8 * 1024
STOP_SECONDS = 2.0

log = logging.getLogger("chargehand.connectors")


@dataclass(slots=True)
class Attempt:
    """What is known of one request on its way. `not_sent`: the connection was refused, so no byte of it left."""

    not_sent: bool = False
    violation: str = ""


attempt: contextvars.ContextVar[Attempt | None] = contextvars.ContextVar("chargehand_attempt", default=None)


class ChildTransport:
    """A connector's server as a child process, spoken to over stdin and stdout, one JSON-RPC message a line.

    The child gets `environment` and nothing of ours. `violation` says why the conversation was ended; `last_words` is
    the end of what the child said on stderr.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, max_bytes: int = MAX_ANSWER_BYTES
    ) -> None:
        self._name = name
        self._command = command
        self._environment = environment
        self._max_bytes = max_bytes
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._streams: tuple[_Send, _Receive, _Out, _OutReceive] | None = None
        self._silent = False
        self.violation = ""
        self.last_words = ""

    @property
    def alive(self) -> bool:
        running = self._process is not None and self._process.returncode is None
        return running and not self.violation and not self._silent

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def __aenter__(self) -> TransportStreams:
        # A session of its own, so that Ctrl-C in a terminal reaches us and not it, and its own children die with it.
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(self._environment),
            limit=self._max_bytes,
            start_new_session=True,
        )
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        if stdin is None or stdout is None or stderr is None:
            raise RuntimeError("asked for three pipes")
        to_session, from_child = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        to_child, from_session = anyio.create_memory_object_stream[SessionMessage](0)
        self._streams = (to_session, from_child, to_child, from_session)
        self._tasks = [
            asyncio.create_task(self._read(stdout, to_session)),
            asyncio.create_task(self._write(stdin, from_session, to_session)),
            asyncio.create_task(self._drain(stderr)),
        ]
        return from_child, to_child

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for stream in self._streams or ():
            await stream.aclose()

    async def _read(self, stdout: asyncio.StreamReader, to_session: _Send) -> None:
        stray = 0
        async with to_session:
            with contextlib.suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
                while line := await self._line(stdout):
                    if not line.lstrip().startswith(b"{"):
                        stray += 1
                        log.warning("%s wrote a line to stdout that is no message", self._name)
                        if stray > MAX_STRAY_LINES:
                            self.violation = "it keeps writing to stdout what is no message"
                    else:
                        message = self._message(line)
                        if message is not None:
                            await to_session.send(SessionMessage(message))
                    if self.violation:
                        break
        self._silent = True  # it may live on with its stdout closed, and would never answer
        if self.violation:
            log.warning("%s is stopped: %s", self._name, self.violation)
            self._kill()

    async def _line(self, stdout: asyncio.StreamReader) -> bytes:
        try:
            return await stdout.readline()
        except ValueError:  # asyncio's word for a line beyond the limit
            self.violation = f"its answer is larger than {self._max_bytes} bytes"
            return b""

    def _message(self, line: bytes) -> types.JSONRPCMessage | None:
        try:
            return types.jsonrpc_message_adapter.validate_python(strict.loads(line), by_name=False)
        except (BadInput, ValueError) as error:
            self.violation = f"its answer can't be read: {str(error)[:300]}"
            return None

    async def _write(self, stdin: asyncio.StreamWriter, from_session: _OutReceive, to_session: _Send) -> None:
        try:
            async with from_session:
                async for message in from_session:
                    line = message.message.model_dump_json(by_alias=True, exclude_unset=True) + "\n"
                    stdin.write(line.encode())
                    await stdin.drain()
        except (ConnectionError, anyio.ClosedResourceError, anyio.BrokenResourceError):
            # The child is gone: end the session, so that no request hangs until its deadline.
            await to_session.aclose()

    async def _drain(self, stderr: asyncio.StreamReader) -> None:
        # Read without end: an undrained pipe would freeze the child.
        while chunk := await stderr.read(MAX_LOG_LINE_BYTES):
            text = chunk.decode(errors="replace")
            self.last_words = (self.last_words + text)[-2_000:]
            log.info("%s: %s", self._name, text.rstrip())

    async def _stop(self) -> None:
        """Close its input, give it time to end what it does, then kill it and all that it started."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0 if self.violation else STOP_SECONDS):
                await process.wait()
        self._kill()
        await process.wait()

    def _kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


_Send = MemoryObjectSendStream[SessionMessage | Exception]
_Receive = MemoryObjectReceiveStream[SessionMessage | Exception]
_Out = MemoryObjectSendStream[SessionMessage]
_OutReceive = MemoryObjectReceiveStream[SessionMessage]


def http_client(*, token: str = "", max_bytes: int = MAX_ANSWER_BYTES) -> httpx2.AsyncClient:
    """An HTTP client for one connector: no redirects, no compression, no proxy variables, answers up to `max_bytes`."""
    headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
    return httpx2.AsyncClient(
        headers=headers,
        transport=_Guarded(httpx2.AsyncHTTPTransport(retries=0), max_bytes),
        timeout=httpx2.Timeout(30.0, read=None),
        follow_redirects=False,
        trust_env=False,
    )


class _Guarded(httpx2.AsyncBaseTransport):
    """Tells the attempt what became of it, and turns what no honest server sends into an empty 502.

    An exception here would end the whole session; a response ends this request alone.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, max_bytes: int) -> None:
        self._inner = inner
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        current = attempt.get() or Attempt()
        try:
            response = await self._inner.handle_async_request(request)
        except httpx2.TransportError as error:
            current.not_sent = isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout))
            current.violation = f"{type(error).__name__} {error}".strip()
            return httpx2.Response(502, request=request)
        current.violation = self._refusal(response)
        body = response.stream
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not current.violation and isinstance(body, httpx2.AsyncByteStream):
            if kind == "text/event-stream":
                body = _Events(body, current, self._max_bytes)
            else:
                body = await self._whole(body, current)
        if current.violation:
            await response.aclose()
            return httpx2.Response(502, request=request)
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=body, extensions=response.extensions, request=request
        )

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _refusal(self, response: httpx2.Response) -> str:
        if response.is_redirect:
            return "it redirects"
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            return "its answer is compressed, which we did not ask for"
        length = response.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._max_bytes:
            return f"its answer is larger than {self._max_bytes} bytes"
        return ""

    async def _whole(self, stream: httpx2.AsyncByteStream, current: Attempt) -> httpx2.AsyncByteStream:
        text = bytearray()
        try:
            async for chunk in stream:
                text += chunk
                if len(text) > self._max_bytes:
                    current.violation = f"its answer is larger than {self._max_bytes} bytes"
                    break
            else:
                current.violation = _unreadable(bytes(text))
        except httpx2.TransportError as error:
            current.violation = f"its answer ends too early: {type(error).__name__}"
        finally:
            await stream.aclose()
        return httpx2.ByteStream(bytes(text))


class _Events(httpx2.AsyncByteStream):
    """Counts the bytes of an event stream, and reads the JSON in it strictly before anybody else does."""

    def __init__(self, inner: httpx2.AsyncByteStream, current: Attempt, max_bytes: int) -> None:
        self._inner = inner
        self._attempt = current
        self._max_bytes = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total, pending = 0, b""
        async for chunk in self._inner:
            total += len(chunk)
            if total > self._max_bytes:
                self._fail(f"its answer is larger than {self._max_bytes} bytes")
            *events, pending = (pending + chunk).replace(b"\r\n", b"\n").split(b"\n\n")
            for event in events:
                violation = _unreadable(_event_data(event))
                if violation:
                    self._fail(violation)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _fail(self, violation: str) -> None:
        self._attempt.violation = violation
        raise httpx2.RemoteProtocolError(violation)


def _unreadable(text: bytes) -> str:
    if not text.strip():
        return ""
    try:
        strict.loads(text)
    except BadInput as error:
        return f"its answer can't be read: {str(error)[:300]}"
    return ""


def _event_data(event: bytes) -> bytes:
    """The data of one server-sent event (WHATWG HTML, section 9.2.6)."""
    lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines)
