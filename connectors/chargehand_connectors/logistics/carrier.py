"""The carrier's HTTP API, as the logistics connector uses it. Only reads; every unclear answer may be asked again."""

from __future__ import annotations

from datetime import date
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import AwareDatetime, BaseModel, ValidationError

from chargehand.connectors import strict
from chargehand.connectors.incoming import Incoming
from chargehand.errors import BadInput, Forbidden, NotFound, Unavailable

T = TypeVar("T", bound=BaseModel)

MAX_ANSWER_BYTES = 1024 * 1024
CONNECT_SECONDS = 3.0


class Event(BaseModel):
    """As the carrier writes it."""

    time: AwareDatetime
    code: str
    location: str = ""
    text: str = ""


class Parcel(BaseModel):
    """As the carrier writes it. Fields that we do not know are ignored: carriers add some without notice."""

    tracking_number: str
    reference: str
    carrier: str
    status: str
    expected: date | None = None
    signed_by: str = ""
    events: list[Event] = []


class _Shipments(BaseModel):
    shipments: list[Parcel]


class Carrier:
    """A client of one carrier; `close` when done."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.AsyncClient(base_url=url, headers=headers, follow_redirects=False, trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def parcel(self, incoming: Incoming, number: str) -> Parcel:
        """One parcel. Raises NotFound, and what `_get` raises."""
        body = await self._get(incoming, f"/v1/trackings/{quote(number, safe='')}", {}, missing=f"parcel {number}")
        parcel = _read(Parcel, body)
        if parcel.tracking_number != number:
            raise Unavailable(f"The carrier answered about {parcel.tracking_number[:80]!r} when asked for {number}.")
        return parcel

    async def parcels_of(self, incoming: Incoming, reference: str) -> list[Parcel]:
        """The parcels under an order's number, by tracking number. Raises what `_get` raises."""
        body = await self._get(incoming, "/v1/shipments", {"reference": reference}, missing=f"order {reference}")
        parcels = _read(_Shipments, body).shipments
        if any(parcel.reference != reference for parcel in parcels):
            raise Unavailable(f"The carrier answered about another order when asked for {reference}.")
        return parcels

    async def _get(self, incoming: Incoming, path: str, query: dict[str, str], *, missing: str) -> Any:
        """Raises Unavailable (down, slow, garbage), NotFound, Forbidden (our key), BadInput (the request)."""
        # Part of the time is kept, so that a slow carrier is reported before the caller stops listening.
        time_out = httpx.Timeout(incoming.seconds_left(at_most=20.0) * 0.8, connect=CONNECT_SECONDS)
        try:
            async with self._client.stream("GET", path, params=query, timeout=time_out) as response:
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise Unavailable(f"The carrier's answer has more than {MAX_ANSWER_BYTES} bytes.")
        except httpx.HTTPError as error:
            raise Unavailable(f"The carrier does not answer ({type(error).__name__}).") from error
        if response.status_code == 404:
            raise NotFound(f"The carrier knows no {missing}.")
        if response.status_code in (401, 403):
            raise Forbidden("The carrier refuses our key.", way_out="Set CHARGEHAND_CARRIER_TOKEN.")
        if response.status_code == 429 or response.status_code >= 500:
            raise Unavailable(f"The carrier says {response.status_code} {response.reason_phrase}.")
        if response.status_code != 200:
            raise BadInput(f"the carrier refuses the request with {response.status_code}")
        try:
            return strict.loads(bytes(body))
        except BadInput as error:
            raise Unavailable(f"The carrier's answer can't be read: {error}") from None


def _read(kind: type[T], body: Any) -> T:
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Unavailable(f"The carrier's answer can't be read: {where}: {first['msg']}") from None
