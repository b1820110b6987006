"""Chargehand as an MCP server (streamable HTTP, stateless) at /mcp: governed tools and agents for any MCP client.

The caller is whoever owns the API token. Every call passes the same gateway as an agent's: decided, recorded, asked
about. `mcp_rounds` says what a caller hears while people are asked; the same key is the same call.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any, cast

import mcp_types as types
from fastapi import FastAPI
from mcp.server.caching import CacheHint
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from chargehand import ids
from chargehand.agents.catalog import AgentCatalog
from chargehand.agents.outlook import Outlook
from chargehand.api import mcp_rounds as rounds
from chargehand.api.mcp_entry import CALLER, Entry
from chargehand.api.mcp_rounds import Context, Round
from chargehand.api.mcp_tools import AGENT, RUN_SCHEMA, RUN_TOOL, agent_tool, answer, governed_tool, refused, run_tool
from chargehand.api.mcp_tools import shown as shown_run
from chargehand.approvals.service import ApprovalService
from chargehand.connectors import schemas
from chargehand.connectors.incoming import KEY_META
from chargehand.connectors.service import ConnectorService, ToolStatus
from chargehand.errors import BadInput, ChargehandError, Conflict, Forbidden, NotFound, NotSignedIn
from chargehand.gateway.gateway import Gateway
from chargehand.gateway.model import ApprovalNeeded, ToolCall
from chargehand.identity.model import SignedIn
from chargehand.outcome import Outcome
from chargehand.runs.model import RunDetail
from chargehand.runs.service import RunService
from chargehand.settings import Settings

MIN_KEY, MAX_KEY = 8, 200
MAX_BODY_BYTES = 2 * 1024 * 1024
"""A call's arguments have at most 256 KiB (see `gateway.propose`), however they are escaped."""

INSTRUCTIONS = """\
Tools act on real systems, each call is decided by policy and recorded. If a call answers with state
"waiting_for_approval", people were asked: make the same call again later with the same key in
_meta["chargehand/key"]. A key never does anything twice; after an unclear answer, repeat under the key that it tells.
Tools named agent.* start a run; chargehand.get_run says how it stands.
"""


class Endpoint:
    """The ASGI application behind /mcp."""

    def __init__(self, app: FastAPI) -> None:
        self._state = app.state
        self._server: Server[Any] = Server(
            "chargehand",
            title="Chargehand",
            version=app.version,
            instructions=INSTRUCTIONS,
            # What is listed depends on who asks, and on the policy of this moment.
            cache_hints={"tools/list": CacheHint(ttl_ms=0, scope="private")},
            get_tool_input_schema=self._input_schema,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
        )
        self._manager = StreamableHTTPSessionManager(
            self._server, json_response=True, stateless=True, max_request_body_size=MAX_BODY_BYTES
        )
        self._entry = Entry(self._manager.handle_request)
        self._limited = RequestBodyLimitMiddleware(self._entry, MAX_BODY_BYTES)
        self._console = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._limited(scope, receive, send)

    @asynccontextmanager
    async def running(self, given: Settings) -> AsyncGenerator[None]:
        """While inside, requests are served. Raises BadSettings when the key of request states can't be used."""
        self._console = self._entry.own_url = (given.api_url or "").rstrip("/")
        self._server.middleware.append(rounds.boundary(given.state_dir, _person))
        async with self._manager.run():
            yield

    async def _list_tools(
        self, context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        who = caller(context)
        connectors: ConnectorService = self._state.connectors
        tools = [governed_tool(one) for one in await connectors.tools() if self._may_use(who, one)]
        outlook, agents = self._outlook, self._agents
        tools += [
            agent_tool(spec)
            for spec in agents.values()
            if _offered(who, AGENT + spec.name) and outlook.may_start(who, spec)
        ]
        return types.ListToolsResult(tools=[*tools, run_tool()])

    async def _call_tool(
        self, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        key = ""
        try:
            who = caller(context)
            arguments: dict[str, Any] = params.arguments or {}
            if params.name == RUN_TOOL:
                schemas.check(RUN_SCHEMA, arguments, field="arguments")
                return answer(shown_run(await self._run_of(who, arguments["run"])), is_error=False)
            before = rounds.opened(params)
            key = _key(cast("Mapping[str, Any]", context.meta or {}), before)
            if not _offered(who, params.name):
                raise Forbidden(f"This token may not use {params.name}.", way_out="Make one that may.")
            if params.name.startswith(AGENT):
                return await self._start(who, params.name.removeprefix(AGENT), arguments, key)
            call = _proposal(who, params.name, arguments, key)
            return await self._gateway_call(context, call, params, before or Round(key))
        except ChargehandError as error:
            return refused(error, key)

    async def _gateway_call(
        self, context: Context, call: ToolCall, params: types.CallToolRequestParams, this: Round
    ) -> types.CallToolResult | types.InputRequiredResult:
        gateway: Gateway = self._state.gateway
        who, waits = caller(context), rounds.wants_to_wait(params)
        result = await gateway.call(call)
        if isinstance(result, ApprovalNeeded) and this.number and waits:
            await rounds.closed(self._approvals, who, result.approval)
            result = await gateway.call(call)
        if isinstance(result, Outcome):
            return answer(result.model_dump(mode="json") | {"key": this.key}, is_error=not result.succeeded)
        if this.number and waits is False:
            return rounds.pending(result, this.key)
        return rounds.ask(context, result, this, console=self._console or _base_url(context))

    async def _start(self, who: SignedIn, agent: str, arguments: dict[str, Any], key: str) -> types.CallToolResult:
        run = await self._runs.start(who, agent, arguments, request_key=f"mcp:{who.principal.id}:{key}")
        return answer(shown_run(run) | {"key": key}, is_error=False)

    async def _run_of(self, who: SignedIn, run: str) -> RunDetail:
        found = await self._runs.get(who, run)
        if found.principal != who.principal.id and not self._state.abilities.may(who, "read_runs"):
            raise NotFound(f"There is no run {run!r}.")
        return found

    def _may_use(self, who: SignedIn, tool: ToolStatus) -> bool:
        if tool.pin != "pinned" or not _offered(who, tool.tool):
            return False
        return self._outlook.may_use(who, tool.tool, tool.effect)

    def _input_schema(self, tool: str) -> Mapping[str, Any] | None:
        """For the check of `Mcp-Param-*` headers, which comes first; of nothing that the caller does not see."""
        who = CALLER.get()
        if who is None or not _offered(who, tool):
            return None
        if tool.startswith(AGENT):
            spec = self._agents.get(tool.removeprefix(AGENT))
            return spec.input_schema if spec and self._outlook.may_start(who, spec) else None
        gateway: Gateway = self._state.gateway
        pin = gateway.desk.pins.get(tool)
        return pin.input_schema if pin and self._outlook.may_use(who, tool, pin.effect) else None

    @property
    def _outlook(self) -> Outlook:
        return self._state.outlook

    @property
    def _agents(self) -> AgentCatalog:
        return self._state.agents

    @property
    def _approvals(self) -> ApprovalService:
        return self._state.approvals

    @property
    def _runs(self) -> RunService:
        return self._state.runs


def caller(context: Context) -> SignedIn:
    """Who the request's token belongs to. Raises NotSignedIn."""
    request = cast("Request | None", context.request)
    who = request.scope.get("chargehand.signed_in") if request is not None else None
    if not isinstance(who, SignedIn):
        raise NotSignedIn("This connection carries no token.")
    return who


def _person(context: Context) -> str:
    principal = caller(context).principal
    return f"{principal.tenant}\0{principal.id}"


def _base_url(context: Context) -> str:
    return str(cast("Request", context.request).base_url).rstrip("/")


def _offered(who: SignedIn, tool: str) -> bool:
    """Whether the token's own list lets the tool through; policy decides the rest."""
    return who.tools is None or any(fnmatchcase(tool, pattern) for pattern in who.tools)


def _proposal(who: SignedIn, tool: str, arguments: dict[str, Any], key: str) -> ToolCall:
    """The caller's key is a person's own: another person's call can't be met under it."""
    principal = who.principal
    own = sha256("\0".join((principal.tenant, principal.id, "mcp", key)).encode()).hexdigest()
    return ToolCall(
        tenant=principal.tenant,
        run=f"mcp_{own[:26]}",
        key=own,
        chain=(principal.id,),
        tool=tool,
        arguments=arguments,
        step="mcp",
    )


def _key(meta: Mapping[str, Any], before: Round | None) -> str:
    """The caller's key, that of its earlier rounds, or a fresh one that the answer tells.

    Raises:
        BadInput: it can't be a key.
        Conflict: it is another than that of the rounds before.
    """
    key = meta.get(KEY_META)
    if key is None:
        return before.key if before else ids.new_id("key")
    if not isinstance(key, str) or not MIN_KEY <= len(key) <= MAX_KEY or not key.isprintable():
        raise BadInput(f"a key is text of {MIN_KEY} to {MAX_KEY} characters", field=f"_meta.{KEY_META}", value=key)
    if before and before.key != key:
        raise Conflict("The requestState belongs to another key.", way_out="Send both as they came, or only the key.")
    return key
