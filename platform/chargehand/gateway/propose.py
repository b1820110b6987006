"""Stage 1, propose: what exactly is asked for, in one form that everybody can recompute.

The digest is SHA-256 over the RFC 8785 form of {tenant, run, tool, pin, arguments}. Later stages read the arguments
back from those bytes and never from the caller's object.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson
import rfc8785

from chargehand import clock
from chargehand.connectors import schemas, strict
from chargehand.errors import BadInput, BadPolicy
from chargehand.gateway.desk import Case, Desk
from chargehand.gateway.model import ToolCall
from chargehand.outcome import Failure

MAX_BYTES = 256 * 1024


def propose(desk: Desk, call: ToolCall) -> Case:
    """A case with canonical arguments and digest. What can't be called has a `problem`, and is refused and recorded.

    Raises:
        BadInput: the call does not say who acts, or has no usable key.
    """
    _check_call(call)
    case = Case(call=call, at=clock.now())
    try:
        pin = desk.pins.get(call.tool)
    except BadPolicy as error:
        return replace(case, problem=Failure(kind="forbidden", detail=f"No tool is reviewed: {error}"))
    case = replace(case, pin=pin)
    try:
        exact = canonical(call, pin.digest if pin else "")
        arguments = orjson.loads(exact)["arguments"]
        case = replace(case, exact=exact.decode(), digest=digest_of(exact), arguments=arguments)
        if pin is None:
            detail = f"{call.tool} is not a reviewed tool."
            way_out = "Have its definition reviewed and pinned."
            return replace(case, problem=Failure(kind="forbidden", detail=detail, way_out=way_out))
        schemas.check(pin.input_schema, arguments, field="arguments")
    except BadInput as error:
        detail = f"{error.field}: {error.detail}" if error.field else error.detail
        return replace(case, problem=Failure(kind="invalid", detail=detail, way_out=error.way_out))
    return case


def canonical(call: ToolCall, pin: str) -> bytes:
    """The bytes that the digest covers. Raises BadInput when the arguments are not strict JSON."""
    document: dict[str, Any] = {
        "arguments": call.arguments,
        "pin": pin,
        "run": call.run,
        "tenant": call.tenant,
        "tool": call.tool,
    }
    try:
        strict.check(call.arguments)
        exact = rfc8785.dumps(document)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"this is not strict JSON: {error}", field="arguments") from None
    if len(exact) > MAX_BYTES:
        raise BadInput(f"the call has {len(exact)} bytes; {MAX_BYTES} is the most", field="arguments")
    return exact


def digest_of(exact: bytes) -> str:
    """SHA-256, hex."""
    return sha256(exact).hexdigest()


def _check_call(call: ToolCall) -> None:
    if not call.tenant or not call.chain or not all(call.chain):
        raise BadInput("A call says in which tenant and on whose authority it acts.", field="chain", value=call.chain)
    if not 8 <= len(call.key) <= 200 or not call.key.isprintable():
        raise BadInput("a key is printable text of 8 to 200 characters", field="key", value=call.key)
