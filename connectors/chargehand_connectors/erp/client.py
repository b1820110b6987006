"""Tryton over its REST protocol: records in, plain Python values out, every failure in our words.

Reads may be asked again after anything. A write that got no clear answer raises `Ambiguous`; `Unavailable` is raised
only when Tryton was provably not reached.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import httpx

from chargehand.connectors.incoming import Incoming
from chargehand.errors import Ambiguous, BadInput, Conflict, Forbidden, NotFound, Unavailable

Record = dict[str, Any]
Domain = Sequence[Any]

MAX_ANSWER_BYTES = 4 * 1024 * 1024
CONNECT_SECONDS = 3.0


class Tryton:
    """A client of one Tryton database as one user; `close` when done. `url` ends with the database's name."""

    def __init__(self, url: str, key: str, company: int = 1) -> None:
        headers = {
            "Authorization": f"bearer {key}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            # Warnings ask a person at a screen to confirm; here policy and approvers have.
            "X-Tryton-Context": _b64({"company": company, "_skip_warnings": True}),
        }
        self._client = httpx.AsyncClient(base_url=url, headers=headers, follow_redirects=False, trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def search(
        self,
        incoming: Incoming,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        order: Sequence[tuple[str, str]] = (("id", "ASC"),),
        limit: int = 500,
    ) -> list[Record]:
        """The records that match, at most `limit`. Raises Unavailable, Forbidden, BadInput."""
        query = [("f", field) for field in fields] + [("d", _b64(domain)), ("o", _b64(order)), ("s", str(limit))]
        return cast("list[Record]", await self._ask(incoming, "GET", model, query))

    async def create(self, incoming: Incoming, model: str, values: Mapping[str, Any], fields: Sequence[str]) -> Record:
        """Create one record. Raises Ambiguous, Unavailable, Forbidden, Conflict (a unique value is taken), BadInput."""
        return cast("Record", await self._ask(incoming, "POST", model, _fields(fields), values))

    async def write(
        self, incoming: Incoming, model: str, record: int, values: Mapping[str, Any], fields: Sequence[str]
    ) -> Record:
        """Change one record. Raises as `create` does, and NotFound."""
        return cast("Record", await self._ask(incoming, "PUT", f"{model}/{record}", _fields(fields), values))

    async def act(self, incoming: Incoming, model: str, record: int, action: str, fields: Sequence[str]) -> Record:
        """Press one of the record's buttons, e.g. `quote`. Raises as `write` does."""
        return cast("Record", await self._ask(incoming, "POST", f"{model}/{record}/{action}", _fields(fields), {}))

    async def _ask(
        self,
        incoming: Incoming,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        values: Mapping[str, Any] | None = None,
    ) -> Any:
        reading = method == "GET"
        # Part of the time is kept, so that a slow ERP is reported before the caller stops listening.
        timeout = httpx.Timeout(incoming.seconds_left(at_most=60.0) * 0.9, connect=CONNECT_SECONDS)
        content = None if values is None else json.dumps(dict(values), default=_encode)
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            async with self._client.stream(
                method,
                f"/rest/model/{path}",
                params=httpx.QueryParams(tuple(query)),
                content=content,
                headers=headers,
                timeout=timeout,
            ) as response:
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise Ambiguous(f"Tryton's answer has more than {MAX_ANSWER_BYTES} bytes.")
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unavailable("The ERP (Tryton) can't be reached; nothing was sent.") from error
        except httpx.HTTPError as error:
            said = f"The ERP (Tryton) gave no clear answer ({type(error).__name__})."
            raise (Unavailable(said) if reading else Ambiguous(said)) from error
        return _read(response.status_code, bytes(body), path, reading=reading)


def _read(status: int, body: bytes, path: str, *, reading: bool) -> Any:
    if status == 200:
        try:
            return json.loads(body, object_hook=_decode)
        except ValueError as error:
            said = "The ERP (Tryton) answered with something that is no JSON."
            raise (Unavailable(said) if reading else Ambiguous(said)) from error
    if status >= 500:
        said = f"The ERP (Tryton) failed with {status}."
        raise Unavailable(said) if reading else Ambiguous(said)
    if status in (401, 403):
        raise Forbidden("The ERP (Tryton) refuses our key.", way_out="Check CHARGEHAND_ERP_KEY and the user's groups.")
    if status == 404:
        raise NotFound(f"The ERP (Tryton) has no {path}.")
    message = _message(body)
    if status == 409 or "unique" in message.lower():
        raise Conflict(f"The ERP (Tryton) refuses: {message}")
    raise BadInput(f"the ERP (Tryton) refuses: {message}")


def _message(body: bytes) -> str:
    try:
        said: Any = json.loads(body)
    except ValueError:
        return "no reason given"
    if not isinstance(said, dict):
        return "no reason given"
    answer = cast("dict[str, Any]", said)
    return " ".join(str(answer[key]) for key in ("message", "description") if answer.get(key)) or "no reason given"


def _fields(fields: Sequence[str]) -> list[tuple[str, str]]:
    return [("f", field) for field in fields]


def _b64(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, default=_encode).encode()).decode()


def _encode(value: Any) -> Any:
    """Tryton's own JSON for what JSON has no word for."""
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": format(value, "f")}
    if isinstance(value, date) and not isinstance(value, datetime):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    raise TypeError(f"{type(value).__name__} has no place in a request to Tryton")


def _decode(value: dict[str, Any]) -> Any:
    match value.get("__class__"):
        case "Decimal":
            return Decimal(value["decimal"])
        case "date":
            return date(value["year"], value["month"], value["day"])
        case "datetime":
            parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
            return datetime(*(value[part] for part in parts), tzinfo=UTC)
        case _:
            return value
