"""Tools as LangChain knows them, for `create_agent`, `ToolNode` and `bind_tools`."""

from __future__ import annotations

from typing import Any

import orjson
from langchain_core.tools import BaseTool, StructuredTool, ToolException

from chargehand.agents.leaves import run_agent, use_tool
from chargehand.connectors.model import Tool
from chargehand.errors import BadInput
from chargehand.outcome import Outcome


def as_langchain_tools(*tools: Tool[..., Any]) -> list[BaseTool]:
    """The tools as LangChain tools named `connector__operation`, because models allow no dot in a name.

    A call that is denied, rejected or fails comes back to the model as a tool message that says why.
    """
    return [_tool(one) for one in tools]


def agent_tool(name: str, *, description: str, input_schema: Any) -> BaseTool:
    """Another agent as a LangChain tool; it runs on its own, for the same person. `input_schema`: pydantic or JSON."""

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
    return _structured(name, declared.description, declared.input_type or dict(declared.input_schema), use)


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
