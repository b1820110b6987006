"""The model matrix: tiers to models at any OpenAI-compatible endpoint. Lives with the gateway worker, which holds keys.

Repeating is the workflow's business (`max_retries=0` here). Every answer is kept under its call's key before it is
given, so that a worker that dies after asking does not pay again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import orjson
from langchain_core.messages import AIMessage, message_to_dict, messages_from_dict
from langchain_openai import ChatOpenAI
from openai import APIStatusError, OpenAIError
from pydantic import SecretStr

from chargehand import clock
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, Unavailable
from chargehand.models import store, streaming, wire
from chargehand.models.budget import Room, reserve, tokens_of
from chargehand.models.model import ModelAnswer, ModelRequest, Usage
from chargehand.models.prices import Price
from chargehand.models.streaming import RETRYABLE, How
from chargehand.models.words import Tell, fit, text_of
from chargehand.settings import Settings

TIERS = ("light", "standard", "strong")
TIMEOUT_SECONDS = 120.0
"""Of silence."""

logger = logging.getLogger("chargehand.models")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model at one OpenAI-compatible endpoint."""

    base_url: str
    model: str
    api_key: SecretStr | None = None
    price: Price | None = None
    stream: bool = True


class Models:
    """Answers questions to the tiers that are configured."""

    def __init__(self, endpoints: Mapping[str, Endpoint], db: Database | None = None) -> None:
        self.endpoints = dict(endpoints)
        self.db = db
        self._clients: dict[tuple[str, float], ChatOpenAI] = {}
        self._how: dict[Endpoint, How] = {}

    @classmethod
    def from_settings(cls, given: Settings, db: Database | None = None) -> Models:
        """One model for every tier, if one is configured. Raises BadInput when half of it is."""
        if given.model_base_url is None:
            return cls({}, db)
        if given.model_name is None:
            raise BadInput("an endpoint is set, and no model", field="CHARGEHAND_MODEL_NAME", value="")
        price = None
        if given.model_price_in is not None and given.model_price_out is not None:
            price = Price(given.model_price_in, given.model_price_out)
        endpoint = Endpoint(given.model_base_url, given.model_name, given.model_api_key, price, given.model_stream)
        return cls(dict.fromkeys(TIERS, endpoint), db)

    def tiers(self) -> frozenset[str]:
        return frozenset(self.endpoints)

    def has_model(self, tier: str = "light") -> bool:
        return tier in self.endpoints

    async def ask(self, request: ModelRequest, tell: Tell | None = None) -> ModelAnswer:
        """One question, one answer. `tell` hears its words as they come; those of a kept answer are not told again.

        Raises:
            BadInput: no model is configured for the tier, its budget is used up, or the endpoint refuses the request.
            Unavailable: the endpoint does not answer now, or broke off; asking again is right, and nothing is kept.
        """
        kept = await self._kept(request)
        if kept is not None:
            return kept
        room = await self._reserve(request)
        client = self._client(request.tier, request.temperature)
        options = wire.options(request)
        if room is not None:
            options["max_tokens"] = min(room.answer_tokens, options.get("max_tokens") or room.answer_tokens)
        began = time.monotonic()
        endpoint = self.endpoints[request.tier]
        how = self._how.get(endpoint, How.TEXT_AND_USAGE if endpoint.stream else How.WHOLE)
        try:
            message, known = await streaming.ask(
                client, messages_from_dict(request.messages), options, how, tell or _to_nobody
            )
        except APIStatusError as error:
            detail = f"The model endpoint answered {error.status_code}."
            if error.status_code in RETRYABLE:
                raise Unavailable(detail) from error
            await self._release(request)
            raise BadInput(f"{detail} {error.message}", field="chat_model", value=request.tier) from error
        except (OpenAIError, ValueError) as error:  # e.g. an answer that was cut off, a tool that its client refuses
            raise BadInput(f"The model's answer can't be used: {error}", field="chat_model") from error
        if known is not how:
            logger.warning("%s at %s is asked as %s from now on.", endpoint.model, endpoint.base_url, known.name)
            self._how[endpoint] = known
        if isinstance(message.content, str):
            message.content = fit(message.content)
        usage = self._usage(request, message, room, time.monotonic() - began)
        answer = ModelAnswer(message_to_dict(message), usage)
        await self._keep(request, answer)
        return answer

    def _client(self, tier: str, temperature: float) -> ChatOpenAI:
        endpoint = self.endpoints.get(tier)
        if endpoint is None:
            raise BadInput(
                "no language model is configured",
                field="chat_model",
                value=tier,
                way_out="Set CHARGEHAND_MODEL_BASE_URL and CHARGEHAND_MODEL_NAME for the gateway worker.",
            )
        key = (tier, temperature)
        if key not in self._clients:
            self._clients[key] = ChatOpenAI(
                base_url=endpoint.base_url,
                model=endpoint.model,
                api_key=endpoint.api_key or SecretStr("none"),
                temperature=temperature,
                max_retries=0,
                timeout=TIMEOUT_SECONDS,
                stream_chunk_timeout=TIMEOUT_SECONDS,
            )
        return self._clients[key]

    def _usage(self, request: ModelRequest, message: AIMessage, room: Room | None, seconds: float) -> Usage:
        used: Any = message.usage_metadata
        if used:
            tokens_in, tokens_out = int(used.get("input_tokens", 0)), int(used.get("output_tokens", 0))
        else:  # the endpoint does not count: what was reserved may have been used, and no budget takes it for nothing
            tokens_in = tokens_of(_question(request))
            tokens_out = room.answer_tokens if room else tokens_of(_answer(message))
        endpoint = self.endpoints[request.tier]
        cost = endpoint.price.of(tokens_in, tokens_out) if endpoint.price else None
        return Usage(endpoint.model, tokens_in, tokens_out, cost, seconds=seconds)

    async def _reserve(self, request: ModelRequest) -> Room | None:
        """What the budget leaves for the answer; None without a budget. Raises BadInput."""
        if not request.limits or self.db is None:
            return None
        endpoint = self.endpoints.get(request.tier)
        price = endpoint.price if endpoint else None
        return await self.db.write(lambda tx: reserve(tx, request, _question(request), price))

    async def _release(self, request: ModelRequest) -> None:
        """The endpoint refused: nothing was used."""
        if request.limits and self.db is not None:
            await self.db.write(lambda tx: store.release(tx, request.tenant, request.key))

    async def _kept(self, request: ModelRequest) -> ModelAnswer | None:
        if self.db is None:
            return None
        row = await self.db.read(lambda connection: store.find(connection, request.tenant, request.key))
        if row is None:
            return None
        price = Decimal(row["cost"]) if row["cost"] else None
        usage = Usage(row["model"], row["tokens_in"], row["tokens_out"], price, row["currency"], row["seconds"])
        return ModelAnswer(cast("dict[str, Any]", orjson.loads(row["message"])), usage)

    async def _keep(self, request: ModelRequest, answer: ModelAnswer) -> None:
        if self.db is None:
            return
        used = answer.usage
        row = store.ModelCallRow(
            key=request.key,
            tenant=request.tenant,
            run=request.run,
            agent=request.agent,
            principal=request.principal,
            step=request.step,
            tier=request.tier,
            model=used.model,
            tokens_in=used.tokens_in,
            tokens_out=used.tokens_out,
            cost="" if used.cost is None else str(used.cost),
            currency=used.currency,
            seconds=used.seconds,
            message=orjson.dumps(answer.message, default=str).decode(),
            at=clock.iso(clock.now()),
        )

        def unit(tx: Transaction) -> None:
            store.keep(tx, row)

        await self.db.write(unit)


def _question(request: ModelRequest) -> bytes:
    return orjson.dumps([request.messages, request.tools, request.response_format], default=str)


def _answer(message: AIMessage) -> bytes:
    calls = orjson.dumps([message.tool_calls, message.invalid_tool_calls], default=str) if message.tool_calls else b""
    return text_of(message_to_dict(message)).encode() + calls


def _to_nobody(_: str) -> None:
    """Nobody listens."""
