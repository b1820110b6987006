"""Run the demo carrier: `python -m chargehand_connectors.demo.carrier`.

GET  /v1/trackings/{number}         one parcel with its events
GET  /v1/shipments?reference=SO-1   the parcels of one order
PUT  /demo/mode                     {"mode": "normal" | "down" | "slow" | "garbage"}: how /v1 misbehaves
GET  /health, GET /                 for probes; for people
"""

from __future__ import annotations

import asyncio
import hmac
import html
import os
from argparse import ArgumentParser
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from chargehand import clock
from chargehand_connectors.demo.carrier.parcels import CARRIER, MODES, Parcels

SLOW_SECONDS = 60.0
GARBAGE = '{"tracking_number": "DC-0", "events": [{"time": "yesterday", "code": <b>oops</b>'


def application(parcels: Parcels, token: str) -> Starlette:
    """The service over `parcels`; `token` is the bearer token that /v1 demands, "" for none."""

    async def refusal(request: Request) -> Response | None:
        given = request.headers.get("authorization", "")
        if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return JSONResponse({"error": "the API key is missing or wrong"}, 401)
        if parcels.mode == "down":
            return JSONResponse({"error": "maintenance"}, 503)
        if parcels.mode == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        if parcels.mode == "garbage":
            return Response(GARBAGE, media_type="application/json")
        return None

    async def tracking(request: Request) -> Response:
        if refused := await refusal(request):
            return refused
        found = parcels.find(request.path_params["number"])
        return JSONResponse(found) if found else JSONResponse({"error": "no such parcel"}, 404)

    async def shipments(request: Request) -> Response:
        if refused := await refusal(request):
            return refused
        reference = request.query_params.get("reference", "")
        if not reference:
            return JSONResponse({"error": "reference is missing"}, 400)
        return JSONResponse({"reference": reference, "shipments": parcels.by_reference(reference)})

    async def mode(request: Request) -> Response:
        if request.method == "PUT":
            try:
                wanted = (await request.json())["mode"]
            except (ValueError, KeyError, TypeError):
                wanted = None
            if wanted not in MODES:
                return JSONResponse({"error": f"mode is one of {', '.join(MODES)}"}, 400)
            parcels.mode = wanted
        return JSONResponse({"mode": parcels.mode})

    async def health(_request: Request) -> Response:
        return PlainTextResponse("ok")

    async def page(_request: Request) -> Response:
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>"
            for each in parcels.all()
            for cells in [(each["tracking_number"], each["reference"], each["status"], each["events"][-1]["text"])]
        )
        head = "<!doctype html><meta charset=utf-8><title>Demo carrier</title>"
        intro = f"<h1>{CARRIER}</h1><p>Not a real carrier. Mode: <b>{html.escape(parcels.mode)}</b></p>"
        return HTMLResponse(
            f"{head}{intro}<table>{rows}</table>", headers={"content-security-policy": "default-src 'none'"}
        )

    return Starlette(
        routes=[
            Route("/v1/trackings/{number}", tracking),
            Route("/v1/shipments", shipments),
            Route("/demo/mode", mode, methods=["GET", "PUT"]),
            Route("/health", health),
            Route("/", page),
        ]
    )


def main() -> None:
    parser = ArgumentParser(prog="python -m chargehand_connectors.demo.carrier", description="The demo carrier.")
    parser.add_argument("--port", type=int, default=int(os.environ.get("DEMO_CARRIER_PORT", "8712")))
    parser.add_argument("--file", type=Path, default=Path(os.environ.get("DEMO_CARRIER_FILE", "parcels.db")))
    options = parser.parse_args()
    parcels = Parcels(options.file)
    parcels.seed(clock.now())
    app = application(parcels, os.environ.get("DEMO_CARRIER_TOKEN", ""))
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
