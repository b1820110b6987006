"""Tools as LangChain knows them, for `create_agent`, `ToolNode` and `bind_tools`."""

from __future__ import annotations

from typing import Any

import orjson
from langchain_core.tools import BaseTool, StructuredTool, ToolException

from chargehand.agents.leaves import run_agent, use_tool
from chargehand.agents.model import AgentSpec
from chargehand.connectors.model import Tool
from chargehand.errors import BadInput
from chargehand.outcome import Outcome


def as_langchain_tools(*tools: Tool[..., Any]) -> list[BaseTool]:
    """The tools as LangChain tools named `connector__operation`, because models allow no dot in a name.

    A call that is denied, rejected or fails comes back to the model as a tool message that says why.

    Raises:
        BadInput: nothing says what one of them takes.
    """
    return [_tool(one) for one in tools]


def agent_tool(agent: AgentSpec | str, *, description: str = "", input_schema: Any = None) -> BaseTool:
    """Another agent as a LangChain tool; it runs on its own, for the same person, with no more than both may do.

    Description and input are the agent's own unless given. For an agent of another package, which is known by name
    alone, both are given; `input_schema` is a pydantic model or a JSON Schema.

    Raises:
        BadInput: a model could not know what it is for, or what to pass.
    """
    name = agent if isinstance(agent, str) else agent.name
    if not isinstance(agent, str):
        description = description or agent.description or agent.title
        input_schema = input_schema or agent.input_type or dict(agent.input_schema)
    if not description or input_schema is None:
        raise BadInput(
            "a model chooses by description and input", field=f"agent_tool({name!r})",
            way_out="Pass the agent itself, or description=… and input_schema=….",
        )  # fmt: skip

    async def delegate(**value: Any) -> str:
        return _answer(await run_agent(name, value))

    return _structured(f"agent__{name.replace('-', '_')}", description, input_schema, delegate)


def _tool(declared: Tool[..., Any]) -> BaseTool:
    async def use(**arguments: Any) -> str:
        try:
            encoded = declared.parse(arguments).model_dump(mode="json")
        except BadInput as error:
            raise ToolException(str(error)) from None
        return _answer(await use_tool(declared, encoded))

    name = declared.name.replace(".", "__")
    typed = declared.input_type if declared.input_type and declared.input_type.model_fields else None
    if typed is None and "properties" not in declared.input_schema:
        raise BadInput(
            "a model has to know what it takes", field=declared.name, way_out="Pass mcp_tool(…, input_schema=…)."
        )
    return _structured(name, declared.description, typed or dict(declared.input_schema), use)


def _structured(name: str, description: str, schema: Any, use: Any) -> BaseTool:
    return StructuredTool.from_function(
        coroutine=use,
        name=name,
        description=description,
        args_schema=schema,
        handle_tool_error=True,
        infer_schema=False,
    )


def _answer(outcome: Outcome) -> str:
    if outcome.succeeded:
        return orjson.dumps(outcome.value).decode()
    failure = outcome.failure
    suggested = ""
    if failure and failure.instead is not None:
        suggested = f" They suggest these arguments instead: {orjson.dumps(failure.instead).decode()}"
    raise ToolException(
        f"{outcome.state}: {failure.detail if failure else outcome.tool} Nothing was done.{suggested}"
        if outcome.state != "in_doubt"
        else f"in doubt: {failure.detail if failure else outcome.tool} Do not repeat it."
    )
