"""Run the demo mail server: `python -m chargehand_connectors.demo.mailbox`.

SMTP on one port takes any mail and delivers nothing anywhere. HTTP on another shows what came, read-only:

    GET /                                    the mailbox, for people
    GET /mails/{id}                          one mail, for people
    GET /api/messages?message_id=…&to=…      for programs, newest first
    GET /api/messages?after=…&to=…&limit=…   what came after that id, oldest first, with text; `last` is the newest id
    GET /api/messages/{id}                   one mail with text and source
    GET /health
"""

from __future__ import annotations

import asyncio
import html
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from chargehand_connectors.demo.mailbox.mails import Mails

MAX_MAIL_BYTES = 1024 * 1024
_STYLE = "body{font:15px system-ui;margin:2rem;max-width:60rem}td{padding:.2rem 1rem .2rem 0}pre{white-space:pre-wrap}"
_HEADERS = {
    # A mail is written by strangers: no script, no image, no frame, no form, whatever it holds.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Inbox:
    """aiosmtpd's handler: a mail is acknowledged once it is on disk."""

    def __init__(self, mails: Mails) -> None:
        self._mails = mails

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        content = envelope.content or b""
        raw = content.encode() if isinstance(content, str) else content
        self._mails.add(envelope.mail_from or "", [str(each) for each in envelope.rcpt_tos], raw)
        return "250 Stored in the demo mailbox"


def application(mails: Mails) -> Starlette:
    """The read-only view of `mails`."""

    async def search(request: Request) -> Response:
        query = request.query_params
        if "after" in query:
            after, limit = query["after"], query.get("limit", "100")
            if not (after.isdecimal() and limit.isdecimal()):
                return JSONResponse({"error": "after and limit are numbers"}, 400, headers=_HEADERS)
            last = mails.last()  # before the page is read: what comes in between is on the next one
            page = mails.after(int(after), to=query.get("to", ""), limit=min(int(limit), 100))
            return JSONResponse({"messages": page, "last": last}, headers=_HEADERS)
        found = mails.search(message_id=query.get("message_id", ""), to=query.get("to", ""))
        return JSONResponse({"messages": found}, headers=_HEADERS)

    async def message(request: Request) -> Response:
        found = mails.get(request.path_params["number"])
        return JSONResponse(found or {"error": "no such mail"}, 200 if found else 404, headers=_HEADERS)

    async def mailbox(request: Request) -> Response:
        wanted = request.query_params.get("message_id", "")
        rows = "".join(_row(each) for each in mails.search(message_id=wanted))
        return _page("Demo mailbox", f"<table>{rows}</table>" if rows else "<p>No mail yet.</p>")

    async def mail(request: Request) -> Response:
        found = mails.get(request.path_params["number"])
        if found is None:
            return _page("No such mail", "", 404)
        facts = "".join(
            f"<tr><td>{name}</td><td>{_safe(found[field])}</td></tr>"
            for name, field in (
                ("From", "from"),
                ("To", "to"),
                ("Received", "received_at"),
                ("Message-ID", "message_id"),
            )
        )
        body = f"<table>{facts}</table><pre>{_safe(found['text'])}</pre>"
        return _page(
            found["subject"], f"{body}<details><summary>Source</summary><pre>{_safe(found['raw'])}</pre></details>"
        )

    async def health(_request: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route("/api/messages", search),
            Route("/api/messages/{number:int}", message),
            Route("/mails/{number:int}", mail),
            Route("/health", health),
            Route("/", mailbox),
        ]
    )


def _safe(value: Any) -> str:
    return html.escape(", ".join(value) if isinstance(value, list) else str(value))  # pyright: ignore[reportUnknownArgumentType]


def _row(mail: dict[str, Any]) -> str:
    link = f'<a href="/mails/{mail["id"]}">{_safe(mail["subject"]) or "(no subject)"}</a>'
    return f"<tr><td>{_safe(mail['received_at'])}</td><td>{_safe(mail['to'])}</td><td>{link}</td></tr>"


def _page(title: str, body: str, status: int = 200) -> Response:
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{_safe(title)}</title><style>{_STYLE}</style>"
    return HTMLResponse(
        f'{head}<p><a href="/">Demo mailbox</a></p><h1>{_safe(title)}</h1>{body}', status, headers=_HEADERS
    )


async def run(mails: Mails, smtp_port: int, http_port: int) -> None:
    """Serve both doors until a signal comes."""
    loop = asyncio.get_running_loop()

    def connection() -> SMTP:
        return SMTP(Inbox(mails), data_size_limit=MAX_MAIL_BYTES, enable_SMTPUTF8=True, hostname="demo-mailbox")

    server = await loop.create_server(connection, "127.0.0.1", smtp_port)
    config = uvicorn.Config(application(mails), host="127.0.0.1", port=http_port, log_level="warning", access_log=False)
    async with server:
        await uvicorn.Server(config).serve()


def main() -> None:
    parser = ArgumentParser(prog="python -m chargehand_connectors.demo.mailbox", description="The demo mail server.")
    parser.add_argument("--smtp-port", type=int, default=int(os.environ.get("DEMO_MAILBOX_SMTP_PORT", "8713")))
    parser.add_argument("--http-port", type=int, default=int(os.environ.get("DEMO_MAILBOX_HTTP_PORT", "8714")))
    parser.add_argument("--file", type=Path, default=Path(os.environ.get("DEMO_MAILBOX_FILE", "mails.db")))
    options = parser.parse_args()
    asyncio.run(run(Mails(options.file), options.smtp_port, options.http_port))


if __name__ == "__main__":
    main()
