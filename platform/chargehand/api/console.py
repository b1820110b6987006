"""The console's static files: hashed assets for ever, index.html always fresh, every other path is the page itself.

In a checkout the files are web/dist; in an installed wheel chargehand/console. Without either the page says how to
build it, and the API works all the same.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from chargehand.errors import NotFound

PACKAGED = Path(__file__).parent.parent / "console"
CHECKOUT = Path(__file__).parents[3] / "web" / "dist"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's own files and nothing else: no inline script, no inline style, no plug-in, no frame."""
FOR_EVER = "public, max-age=31536000, immutable"
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
MISSING = (
    "<!doctype html><meta charset=utf-8><title>Chargehand</title><p>The console is not built. Run "
    "<code>make run</code>, or <code>npm ci &amp;&amp; npm run build</code> in web/. The API answers under /api."
)

router = APIRouter(include_in_schema=False)


def folder() -> Path | None:
    """Where the built console is, if it is anywhere."""
    return next((place for place in (CHECKOUT, PACKAGED) if (place / "index.html").is_file()), None)


@router.api_route("/{path:path}", methods=["GET", "HEAD"])
async def console(path: str, request: Request) -> Response:
    """A file of the console, or the page. Raises NotFound for a missing asset and for unknown API paths."""
    if path.partition("/")[0] in ("api", "mcp"):
        raise NotFound(f"There is no /{path}.", way_out="The OpenAPI document lists what there is.")
    root = folder()
    if root is None:
        return HTMLResponse(MISSING, 503, {"cache-control": "no-store"})
    file = (root / path).resolve()
    if path and file.is_relative_to(root.resolve()) and file.is_file() and file.name != "index.html":
        return _file(file, request, immutable=path.startswith("assets/"))
    if path.startswith("assets/"):
        raise NotFound(f"There is no {path}: the console was updated.", way_out="Load the page again.")
    html = (root / "index.html").read_text("utf-8")
    return HTMLResponse(html, headers={"content-security-policy": PAGE_POLICY, "cache-control": "no-cache"})


def _file(file: Path, request: Request, *, immutable: bool) -> Response:
    headers = {"cache-control": FOR_EVER if immutable else "no-cache", "vary": "accept-encoding"}
    kind = mimetypes.guess_type(file.name)[0]
    accepted = request.headers.get("accept-encoding", "")
    for encoding, suffix in ENCODINGS:
        packed = file.with_name(file.name + suffix)
        if encoding in accepted and packed.is_file():
            return FileResponse(packed, headers=headers | {"content-encoding": encoding}, media_type=kind)
    return FileResponse(file, headers=headers, media_type=kind)
