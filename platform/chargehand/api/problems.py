"""Every failure leaves as `application/problem+json` (RFC 9457) with an id by which the process's log finds it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chargehand.errors import BadInput, ChargehandError, TooMany
from chargehand.ids import new_id

log = logging.getLogger("chargehand.api")

MEDIA_TYPE = "application/problem+json"
SHOWN = 80
SECRET_WORDS = ("password", "secret", "token", "key")


def problem(request: Request, error: Exception) -> Response:
    """The answer for any exception; what is not ours is a 500 that tells nothing but its id."""
    error_id = new_id("err")
    document, headers = _document(error)
    document["instance"] = f"urn:chargehand:error:{error_id}"
    where = f"{request.method} {quote(request.url.path)}"  # quoted, so that nobody writes lines of their own
    if document["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s %s: %s", error_id, where, document["detail"], exc_info=error)
    else:
        log.info("%s %s: %s %s", error_id, where, document["status"], document["type"])
    return JSONResponse(document, document["status"], headers, MEDIA_TYPE)


def _document(error: Exception) -> tuple[dict[str, Any], dict[str, str]]:
    if isinstance(error, ChargehandError):
        headers = {"retry-after": str(error.retry_after_seconds)} if isinstance(error, TooMany) else {}
        if error.status == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = "Bearer"
        return error.problem(), headers
    if isinstance(error, RequestValidationError):
        return _invalid(error.errors()), {}
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.BAD_REQUEST:
        return BadInput("The request can't be read.", field="body", way_out="Send JSON in UTF-8.").problem(), {}
    if isinstance(error, HTTPException):
        title = HTTPStatus(error.status_code).phrase
        code = title.lower().replace(" ", "-")
        document = {"type": f"urn:chargehand:{code}", "title": title, "status": error.status_code}
        return document | {"detail": str(error.detail)}, dict(error.headers or {})
    return {
        "type": "urn:chargehand:error",
        "title": "Something went wrong",
        "status": 500,
        "detail": "This is our fault; nothing more is known here.",
        "way_out": "Try again. If it stays, give the id to whoever runs Chargehand: it stands in the log.",
    }, {}


def _invalid(errors: Sequence[Any]) -> dict[str, Any]:
    """One entry a problem; `body`, `query` and the like are dropped from the path, as people don't think in them."""
    found = [
        {
            "field": ".".join(str(part) for part in error["loc"][1:]) or str(error["loc"][0]),
            "value": _shown(error),
            "detail": error["msg"],
        }
        for error in errors
    ]
    first = found[0]
    return {
        "type": "urn:chargehand:bad-input",
        "title": "That input can't be used",
        "status": 422,
        "detail": f"{first['field']}: {first['detail']}" + (f" (and {len(found) - 1} more)" if found[1:] else ""),
        "errors": found,
    }


def _shown(error: Any) -> str:
    """The value as given, shortened; nothing of a whole body, which may hold a secret, nor of a secret itself."""
    value, path = error.get("input"), [str(part).lower() for part in error["loc"][1:]]
    secret = any(word in part for part in path for word in SECRET_WORDS)
    if not path or secret or isinstance(value, dict | list | bytes):
        return ""
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


class Problems:
    """Middleware: the last net, so that not even a bug answers with anything but a problem document."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            response = problem(Request(scope), error)
            if started:  # half an answer is out: the connection breaks, which is all that can still be said
                raise
            await response(scope, receive, send)


def install(app: FastAPI) -> None:
    """Turn the exceptions that routes raise into problem documents."""

    async def handle(request: Request, error: Exception) -> Response:
        return problem(request, error)

    for kind in (ChargehandError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)
