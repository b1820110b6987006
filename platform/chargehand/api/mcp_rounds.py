"""Calls that wait for people: an input-required round (spec 2026-07-28, basic/patterns/mrtr), or a plain answer.

A client that can ask its user (elicitation) is asked to: the user sees what waits, and chooses to wait on or to come
back. The round's `requestState` is sealed (AES-256-GCM), bound to the person, the tool and the arguments, under a key
that outlives the process. Nothing about approval itself goes this way: other people approve, in their own sessions.
Clients that can't ask, and those on an older spec, get the plain answer that says with which key to call again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import mcp_types as types
import orjson
from mcp.server.context import ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp_types.version import is_version_at_least

from chargehand import clock
from chargehand.api import mcp_tools
from chargehand.approvals.service import ApprovalService
from chargehand.connectors.incoming import KEY_META
from chargehand.errors import BadInput, NotFound
from chargehand.gateway.model import ApprovalNeeded
from chargehand.identity.model import SignedIn
from chargehand.runs.codec import payload_key

KEY_FILE = "mcp-request-state.key"
STATE_LIFE = timedelta(days=14)
"""Longer than any approval waits. After it, or without the state, the key alone finds the call again."""

FIRST_SPEC = "2026-07-28"
QUESTION = "approval"
WAIT_ON = "wait"
MAX_ROUNDS = 8
"""Then the plain answer: clients give up after ten rounds, and would lose the key."""

HOLD_SECONDS = 15.0
"""How long a round waits for the approval to close. Shorter than the time-outs of clients and proxies."""
LOOK_SECONDS = 0.25
ASK_AGAIN = timedelta(seconds=30)

Context = ServerRequestContext[Any]


@dataclass(frozen=True, slots=True)
class Round:
    """What the sealed state holds: which call it is, and how often its user was asked."""

    key: str
    number: int = 0


def boundary(folder: Path, person: Callable[[Context], str]) -> RequestStateBoundary:
    """Middleware that seals and opens `requestState`. Raises BadSettings for a key file that holds no key."""
    key = payload_key(folder / KEY_FILE)
    security = RequestStateSecurity(keys=[key], ttl=STATE_LIFE.total_seconds(), bind_principal=person)
    return RequestStateBoundary(security, default_audience="chargehand")


def opened(params: types.CallToolRequestParams) -> Round | None:
    """The round that a client continues; None: a first call. Trusted, as only what was sealed here comes through."""
    return Round(**orjson.loads(params.request_state)) if params.request_state else None


def wants_to_wait(params: types.CallToolRequestParams) -> bool | None:
    """What the user said; None when the client sent no answer."""
    said = (params.input_responses or {}).get(QUESTION)
    if said is None:
        return None
    if not isinstance(said, types.ElicitResult):
        raise BadInput("this answers another question", field=f"inputResponses.{QUESTION}")
    content = said.content or {}
    return said.action == "accept" and content.get(WAIT_ON, True) is not False


async def closed(approvals: ApprovalService, who: SignedIn, approval: str, seconds: float = HOLD_SECONDS) -> None:
    """Return when people have answered, or after `seconds`."""
    until = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until:
        try:
            found = await approvals.get(approval, who)
        except NotFound:
            return
        if found.request.state != "pending" or found.request.expires_at <= clock.now():
            return
        await asyncio.sleep(LOOK_SECONDS)


def ask(
    context: Context, waiting: ApprovalNeeded, this: Round, *, console: str
) -> types.CallToolResult | types.InputRequiredResult:
    """Ask the client's user to wait, if that can be done; else the plain answer."""
    modes = _modes(context)
    if not modes or this.number >= MAX_ROUNDS:
        return pending(waiting, this.key)
    message = (
        f"{waiting.sentence}: other people must approve this before {clock.iso(waiting.expires_at)}. "
        f"Accept to wait on; decline to come back later, with the key {this.key}."
    )
    asked: types.ElicitRequestURLParams | types.ElicitRequestFormParams
    if "form" in modes:
        wait_on = {"type": "boolean", "title": "Wait on", "default": True}
        schema: dict[str, Any] = {"type": "object", "properties": {WAIT_ON: wait_on}}
        asked = types.ElicitRequestFormParams(message=message, requested_schema=schema)
    else:
        asked = types.ElicitRequestURLParams(message=message, url=f"{console}/approvals?id={waiting.approval}")
    state = orjson.dumps({"key": this.key, "number": this.number + 1}).decode()
    return types.InputRequiredResult(
        input_requests={QUESTION: types.ElicitRequest(params=asked)},
        request_state=state,
        _meta={KEY_META: this.key, "chargehand/approval": waiting.approval},
    )


def pending(waiting: ApprovalNeeded, key: str) -> types.CallToolResult:
    """That the call waits, for whom, and how to go on; not an error."""
    content = {
        "state": "waiting_for_approval",
        "approval": waiting.approval,
        "sentence": waiting.sentence,
        "expires_at": clock.iso(waiting.expires_at),
        "key": key,
        "ask_again_at": clock.iso(clock.now() + ASK_AGAIN),
        "what_to_do": f'Make exactly this call again later, with _meta["{KEY_META}"] = "{key}".',
    }
    return mcp_tools.answer(content, is_error=False)


def _modes(context: Context) -> frozenset[str]:
    """How the client can ask its user. A bare `elicitation: {}` means forms, as before there were modes."""
    capabilities = context.session.client_capabilities
    asks = capabilities.elicitation if capabilities else None
    if asks is None or not is_version_at_least(context.protocol_version, FIRST_SPEC):
        return frozenset()
    modes = {"form"} if asks.form is not None or asks.url is None else set[str]()
    return frozenset(modes | ({"url"} if asks.url is not None else set[str]()))
