"""The OpenAPI document, from which the console's client is generated; `python -m chargehand.api.openapi` prints it.

FastAPI's document is finished here with what it can't know: the problem type that every error has, the two ways to
sign in, the ability that an operation needs, and that an event stream is not JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from chargehand.api.views import FieldProblem, Problem

REFERENCE = "#/components/schemas/{model}"
SECURITY_SCHEMES = {
    "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-chargehand", "description": "Set by signIn"},
    "token": {"type": "http", "scheme": "bearer", "description": "From createToken"},
}
OPEN = frozenset({"getHealth", "signIn"})
"""The operations that need no sign-in; every other one answers 401 without."""

PROBLEMS = {
    401: "Not signed in",
    403: "Signed in, and not allowed",
    404: "Nothing by that name in this tenant",
    409: "It changed after you looked, or was already decided",
    422: "That input can't be used; each problem names its field",
    429: "Too many attempts; `Retry-After` says when to try again",
    502: "A request left and no clear answer came",
    503: "Something we need does not answer; try again",
}


def problems() -> dict[int | str, dict[str, Any]]:
    """The error answers that operations share."""
    content = {"application/problem+json": {"schema": {"$ref": REFERENCE.format(model="Problem")}}}
    return {status: {"description": description, "content": content} for status, description in PROBLEMS.items()}


def finish(routers: Iterable[APIRouter], document: dict[str, Any]) -> dict[str, Any]:
    """Complete FastAPI's document in place, and return it."""
    components = document["components"]
    for model in (FieldProblem, Problem):
        schema = model.model_json_schema(ref_template=REFERENCE)
        schema.pop("$defs", None)
        components["schemas"][model.__name__] = schema
    components["securitySchemes"] = SECURITY_SCHEMES
    abilities = {route.operation_id: ability_of(route.dependant) for route in routes(routers)}
    for path in document["paths"].values():
        for operation in path.values():
            name = operation["operationId"]
            operation["security"] = [] if name in OPEN else [{"cookie": []}, {"token": []}]
            if ability := abilities[name]:
                operation["x-chargehand-ability"] = ability
            content = operation["responses"].get("200", {}).get("content", {})
            if "text/event-stream" in content and "application/json" in content:
                content["text/event-stream"] = content.pop("application/json")
    return document


def routes(routers: Iterable[APIRouter]) -> Iterator[APIRoute]:
    """Every documented route of these routers."""
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                yield route


def ability_of(dependant: Dependant) -> str:
    """The ability that a route names with `may(…)`; empty where it names none."""
    for needed in dependant.dependencies:
        found = getattr(needed.call, "ability", "") or ability_of(needed)
        if found:
            return found
    return ""


def text(app: FastAPI) -> str:
    """The document as indented JSON with a final newline; the same for the same code."""
    return json.dumps(app.openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    from chargehand.api.app import create_app

    sys.stdout.write(text(create_app()))
