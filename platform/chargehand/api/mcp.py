"""Chargehand as an MCP server (streamable HTTP, stateless) at /mcp: governed tools and agents for any MCP client.

The caller is whoever owns the API token. Every call passes the same gateway as an agent's: decided, recorded, asked
about. A call that waits for people answers so, with the key to call again with; the same key is the same call.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any, cast

import mcp_types as types
import orjson
from fastapi import FastAPI
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from chargehand import clock, ids
from chargehand.agents.catalog import AgentCatalog
from chargehand.agents.outlook import Outlook
from chargehand.connectors.incoming import KEY_META
from chargehand.connectors.service import ConnectorService, ToolStatus
from chargehand.errors import BadInput, ChargehandError, Forbidden, NotSignedIn
from chargehand.gateway.gateway import Gateway
from chargehand.gateway.model import ApprovalNeeded, ToolCall
from chargehand.identity.model import SignedIn
from chargehand.outcome import Outcome
from chargehand.runs.model import RunDetail
from chargehand.runs.service import RunService

AGENT = "agent."
RUN_TOOL = "chargehand.get_run"
MIN_KEY, MAX_KEY = 8, 200
ASK_AGAIN = timedelta(seconds=30)
INSTRUCTIONS = """\
Tools act on real systems, each call is decided by policy and recorded. If a call answers with state
"waiting_for_approval", people were asked: make the same call again later with the same key in
_meta["chargehand/key"]. A key never does anything twice. Tools named agent.* start a run; chargehand.get_run
says how it stands.
"""


class Endpoint:
    """The ASGI application behind /mcp."""

    def __init__(self, app: FastAPI) -> None:
        self._state = app.state
        server: Server[Any] = Server(
            "chargehand",
            title="Chargehand",
            version=app.version,
            instructions=INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
        )
        # Host and Origin are checked by the gate in front, which knows where this installation is reached.
        self._manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = scope.get("chargehand.signed_in")
        if not isinstance(who, SignedIn) or who.method != "token":
            raise NotSignedIn("MCP clients use an API token.", way_out="chargehand token create; send it as Bearer.")
        await self._manager.handle_request(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """While inside, requests are served."""
        async with self._manager.run():
            yield

    async def _list_tools(
        self, context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        who = _caller(context)
        connectors: ConnectorService = self._state.connectors
        tools = [_tool(one) for one in await connectors.tools() if self._may_use(who, one)]
        outlook, agents = self._outlook, self._agents
        tools += [
            types.Tool.model_validate(
                {
                    "name": AGENT + spec.name,
                    "title": spec.title,
                    "description": f"Starts a run. {spec.description}",
                    "inputSchema": dict(spec.input_schema),
                    "annotations": {"readOnlyHint": False, "idempotentHint": True},
                }
            )
            for spec in agents.values()
            if _offered(who, AGENT + spec.name) and outlook.may_start(who, spec)
        ]
        tools.append(_run_tool())
        return types.ListToolsResult(tools=tools)

    async def _call_tool(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        try:
            who = _caller(context)
            arguments: dict[str, Any] = params.arguments or {}
            if params.name == RUN_TOOL:
                run = await self._run_of(who, str(arguments.get("run", "")))
                return _answer(_shown(run), is_error=False)
            key = _key(cast("Mapping[str, Any]", context.meta or {}))
            if not _offered(who, params.name):
                raise Forbidden(f"This token may not use {params.name}.", way_out="Make one that may.")
            if params.name.startswith(AGENT):
                return await self._start(who, params.name.removeprefix(AGENT), arguments, key)
            return await self._gateway_call(who, params.name, arguments, key)
        except ChargehandError as error:
            return _answer(error.problem() | {"state": "refused"}, is_error=True)

    async def _gateway_call(
        self, who: SignedIn, tool: str, arguments: dict[str, Any], key: str
    ) -> types.CallToolResult:
        gateway: Gateway = self._state.gateway
        principal = who.principal
        own = sha256("\0".join((principal.tenant, principal.id, "mcp", key)).encode()).hexdigest()
        call = ToolCall(
            tenant=principal.tenant,
            run=f"mcp_{own[:26]}",
            key=own,
            chain=(principal.id,),
            tool=tool,
            arguments=arguments,
            step="mcp",
        )
        answer = await gateway.call(call)
        if isinstance(answer, Outcome):
            return _answer(answer.model_dump(mode="json") | {"key": key}, is_error=not answer.succeeded)
        return _answer(_pending(answer, key), is_error=False)

    async def _start(self, who: SignedIn, agent: str, arguments: dict[str, Any], key: str) -> types.CallToolResult:
        run = await self._runs.start(who, agent, arguments, request_key=f"mcp:{who.principal.id}:{key}")
        return _answer(_shown(run) | {"key": key}, is_error=False)

    async def _run_of(self, who: SignedIn, run: str) -> RunDetail:
        found = await self._runs.get(who, run)
        if found.principal != who.principal.id and not self._state.abilities.may(who, "read_runs"):
            raise Forbidden(f"{run} is not a run of yours.")
        return found

    def _may_use(self, who: SignedIn, tool: ToolStatus) -> bool:
        if tool.pin != "pinned" or not _offered(who, tool.tool):
            return False
        return self._outlook.may_use(who, tool.tool, tool.effect)

    @property
    def _outlook(self) -> Outlook:
        return self._state.outlook

    @property
    def _agents(self) -> AgentCatalog:
        return self._state.agents

    @property
    def _runs(self) -> RunService:
        return self._state.runs


def _caller(context: ServerRequestContext[Any]) -> SignedIn:
    request = cast("Request | None", context.request)
    who = request.scope.get("chargehand.signed_in") if request is not None else None
    if not isinstance(who, SignedIn):
        raise NotSignedIn("This connection carries no token.")
    return who


def _offered(who: SignedIn, tool: str) -> bool:
    """Whether the token's own list lets the tool through; policy decides the rest."""
    return who.tools is None or any(fnmatchcase(tool, pattern) for pattern in who.tools)


def _key(meta: Mapping[str, Any]) -> str:
    """The caller's key, or a fresh one that the answer tells. Raises BadInput."""
    key = meta.get(KEY_META)
    if key is None:
        return ids.new_id("key")
    if not isinstance(key, str) or not MIN_KEY <= len(key) <= MAX_KEY or not key.isprintable():
        raise BadInput(f"a key is text of {MIN_KEY} to {MAX_KEY} characters", field=f"_meta.{KEY_META}", value=key)
    return key


def _pending(waiting: ApprovalNeeded, key: str) -> dict[str, Any]:
    return {
        "state": "waiting_for_approval",
        "approval": waiting.approval,
        "sentence": waiting.sentence,
        "expires_at": clock.iso(waiting.expires_at),
        "key": key,
        "ask_again_at": clock.iso(clock.now() + ASK_AGAIN),
        "what_to_do": f'Make exactly this call again later, with _meta["{KEY_META}"] = "{key}".',
    }


def _shown(run: RunDetail) -> dict[str, Any]:
    return {
        "run": run.id,
        "state": run.state,
        "title": run.title,
        "waits_for": [waiting.sentence for waiting in run.waiting],
        "result": run.result,
        "failure": run.failure.detail if run.failure else "",
    }


def _answer(content: Mapping[str, Any], *, is_error: bool) -> types.CallToolResult:
    plain: dict[str, Any] = orjson.loads(orjson.dumps(dict(content), default=str))
    text = orjson.dumps(plain).decode()
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content=plain, is_error=is_error
    )


def _tool(tool: ToolStatus) -> types.Tool:
    return types.Tool.model_validate(
        {
            "name": tool.tool,
            "title": tool.tool,
            "description": tool.description,
            "inputSchema": dict(tool.input_schema),
            "annotations": {
                "readOnlyHint": tool.effect == "read",
                "destructiveHint": tool.effect == "irreversible",
                "idempotentHint": tool.delivery != "once",
            },
        }
    )


def _run_tool() -> types.Tool:
    properties: Mapping[str, Any] = {"run": {"type": "string", "description": "Run id, e.g. run_01…"}}
    return types.Tool.model_validate(
        {
            "name": RUN_TOOL,
            "title": "How a run stands",
            "description": "State, what it waits for, and its result.",
            "inputSchema": {"type": "object", "properties": properties, "required": ["run"]},
            "annotations": {"readOnlyHint": True},
        }
    )
