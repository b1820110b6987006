"""`chat_model("light")`: a LangChain chat model whose only effect is one durable leaf.

The call is made by the gateway worker, which holds the credentials; here is neither a key nor a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Literal, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, message_to_dict, messages_from_dict
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from pydantic import BaseModel

from chargehand.agents import watching
from chargehand.agents.leaves import leaf
from chargehand.agents.runtime import Runtime, current
from chargehand.agents.where import Where
from chargehand.errors import BadInput
from chargehand.models.model import OPTIONS

Tier = Literal["light", "standard", "strong"]
_TERMS = frozenset({"tools", "tool_choice", "response_format", "temperature", "ls_structured_output_format"})


def chat_model(tier: Tier = "light", *, temperature: float = 0.0) -> BaseChatModel:
    """The chat model of a tier, as the company has configured it. Use it like any LangChain chat model, with `await`.

    When no model is configured, awaiting it raises BadInput; ask `await has_model(tier)` first where there is
    another way.
    """
    return DurableChatModel(tier=tier, temperature=temperature)


async def has_model(tier: Tier = "light") -> bool:
    """Whether a language model is configured for the tier; the same for the whole of a run."""
    return tier in await current().model_tiers()


class DurableChatModel(BaseChatModel):
    """See `chat_model`."""

    # ruff: noqa: ARG002  # LangChain's signatures

    tier: str
    temperature: float = 0.0

    @property
    def _llm_type(self) -> str:
        return "chargehand"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[Any, AIMessage]:
        choice = {"tool_choice": tool_choice} if tool_choice else {}
        return self.bind(tools=[convert_to_openai_tool(one, strict=strict) for one in tools], **choice, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: str = "json_schema",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[Any, Any]:
        """Answers of the given shape: a pydantic model gives instances, anything else dicts.

        The endpoint is told the shape as a JSON Schema, whichever `method` a program names. With `include_raw` an
        answer that does not fit is data: `parsed` is None, and `parsing_error` says why.
        """
        shape = convert_to_json_schema(schema)
        name = str(shape.get("title") or "answer")
        form = {"name": name, "schema": shape, "strict": strict is not False}
        wanted = {"type": "json_schema", "json_schema": form}
        parser: Any = JsonOutputParser()
        if isinstance(schema, type) and issubclass(schema, BaseModel):
            parser = PydanticOutputParser(pydantic_object=schema)
        model = self.bind(response_format=wanted, **kwargs)
        if include_raw:
            fits = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
            does_not = RunnablePassthrough.assign(parsed=lambda _: None)
            return RunnableMap(raw=model) | fits.with_fallbacks([does_not], exception_key="parsing_error")
        return model | parser

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise BadInput(
            "a model is asked with `await model.ainvoke(…)` inside a run",
            field="chat_model.invoke",
            way_out="Make the node an `async def` and await the call.",
        )

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        options = {name: kwargs[name] for name in OPTIONS if kwargs.get(name) is not None}
        unknown = sorted(kwargs.keys() - _TERMS - OPTIONS)
        if unknown:
            raise BadInput(
                f"a model is asked with {', '.join(unknown)}, which is not passed on",
                field="chat_model",
                way_out=f"Leave it out. What is passed on: {', '.join(sorted(_TERMS | OPTIONS))}, stop.",
            )
        request = {
            "tier": self.tier,
            "temperature": self.temperature if kwargs.get("temperature") is None else kwargs["temperature"],
            "messages": [message_to_dict(one) for one in messages],
            "tools": kwargs.get("tools"),
            "tool_choice": kwargs.get("tool_choice"),
            "response_format": kwargs.get("response_format"),
            "stop": stop,
            **({"options": options} if options else {}),  # a gateway worker from before them knows no such field
        }

        async def send(runtime: Runtime, place: Where, position: int) -> Any:
            # With its answer goes an id from the run: a node that is run again is given the same message.
            answered = await runtime.call_model(request, step=place.path, position=position)
            watching.tell("model", runtime, {"position": position, "asked": request, "answer": answered})
            return {**answered, "id": f"ai-{runtime.uuid()}"}

        answer = await leaf("model", request, send)
        message = cast("AIMessage", messages_from_dict([answer["message"]])[0])
        message.id = message.id or str(answer["id"])
        return ChatResult(generations=[ChatGeneration(message=message)])
