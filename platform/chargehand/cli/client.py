"""The API as commands use it: typed answers, failures as CommandFailed, streams that resume."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter

from chargehand.cli import credentials
from chargehand.cli.failure import UNAVAILABLE, CommandFailed, from_problem
from chargehand.settings import settings

T = TypeVar("T")

TIMEOUT_SECONDS = 30.0
SILENCE_SECONDS = 45.0  # the server speaks at least every 15 s
PATIENCE_SECONDS = 120.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    id: str
    name: str
    data: Any


def base_url() -> str:
    """Where the API is: as set, as logged in, else as the settings place it on this machine."""
    if url := settings().api_url:
        return url.rstrip("/")
    login = credentials.load()
    return login.url if login else f"http://{settings().api_host}:{settings().api_port}"


class Api:
    """One signed-in connection. Close it, or use it as a context manager."""

    def __init__(self, *, url: str = "", token: str | None = None) -> None:
        self.url = url or base_url()
        if token is None:
            token = _token()
        headers = {"x-chargehand": "1", "accept": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        self._client = httpx.Client(base_url=f"{self.url}/api", headers=headers, timeout=TIMEOUT_SECONDS)

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, kind: type[T], path: str, **params: Any) -> T:
        return self._parse(kind, self._send("GET", path, params=_given(params)))

    def post(self, kind: type[T], path: str, body: Mapping[str, Any] | None = None, **params: Any) -> T:
        return self._parse(kind, self._send("POST", path, params=_given(params), json=body or {}))

    def patch(self, kind: type[T], path: str, body: Mapping[str, Any]) -> T:
        return self._parse(kind, self._send("PATCH", path, json=body))

    def delete(self, path: str) -> None:
        self._send("DELETE", path)

    def download(self, path: str, take: Callable[[bytes], object]) -> None:
        """Pass the bytes on as they come."""
        try:
            with self._client.stream("GET", path) as answer:
                if answer.is_error:
                    answer.read()
                    self._refuse(answer)
                for chunk in answer.iter_bytes():
                    take(chunk)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def follow(self, path: str, *, after: str = "", lost: Callable[[str], None] = lambda _: None) -> Iterator[Event]:
        """Events of a stream until the server ends it; resumes after the last one seen when the connection breaks.

        `lost` hears of each break. Raises CommandFailed if the server stays away for two minutes.
        """
        last, away_since, pause = after, 0.0, FIRST_PAUSE_SECONDS
        while True:
            headers = {"accept": "text/event-stream"} | ({"last-event-id": last} if last else {})
            try:
                timeout = httpx.Timeout(TIMEOUT_SECONDS, read=SILENCE_SECONDS)
                with self._client.stream("GET", path, headers=headers, timeout=timeout) as answer:
                    if answer.is_error:
                        answer.read()
                        self._refuse(answer)
                    away_since, pause = 0.0, FIRST_PAUSE_SECONDS
                    for event in parse_events(lines(answer.iter_bytes())):
                        if event.name == "end":
                            return
                        last = event.id or last
                        yield event
                lost("The server closed the stream; resuming.")
            except httpx.TransportError as error:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > PATIENCE_SECONDS:
                    raise self._unreachable(error) from None
                lost("The connection broke; resuming.")
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        if answer.is_error:
            self._refuse(answer)
        return answer

    def _parse(self, kind: type[T], answer: httpx.Response) -> T:
        return TypeAdapter(kind).validate_json(answer.content or b"null")

    def _refuse(self, answer: httpx.Response) -> None:
        try:
            document = answer.json()
        except ValueError:
            document = {"detail": f"{self.url} answered {answer.status_code} and not as Chargehand does."}
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            document["way_out"] = "Sign in: chargehand login"
        raise from_problem(document, answer.status_code)

    def _unreachable(self, error: httpx.TransportError) -> CommandFailed:
        why = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__
        return CommandFailed(
            f"Chargehand does not answer at {self.url}: {why}.",
            code=UNAVAILABLE,
            way_out="Start it with `chargehand dev`, or set CHARGEHAND_API_URL.",
        )


def lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Lines that end as those of a stream of events do. U+2028, U+0085 and the like, with which Python (and httpx) end
    lines too, may stand in what somebody says.
    """
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode()


def parse_events(lines: Iterator[str]) -> Iterator[Event]:
    """Server-sent events (WHATWG HTML, 9.2.6) from decoded lines."""
    event_id, name, data = "", "message", list[str]()
    for line in lines:
        if not line:
            if data:
                yield Event(event_id, name, json.loads("\n".join(data)))
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "id":
            event_id = value
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)


def as_json(value: Any) -> Any:
    """A model, or a list of them, as plain JSON."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return TypeAdapter(Any).dump_python(value, mode="json")


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value not in (None, "", [])}


def _token() -> str:
    if token := settings().api_token:
        return token.get_secret_value()
    login = credentials.load()
    if login is None:
        raise CommandFailed("You are not signed in.", way_out="chargehand login")
    return login.token
