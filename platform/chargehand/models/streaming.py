"""Asking an OpenAI-compatible endpoint so that its words are heard while they come.

Endpoints differ in what they know of streaming. One that refuses `stream_options` is asked without, one that refuses
`stream` is asked for the whole answer; it is remembered, so that it refuses once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from enum import IntEnum
from http import HTTPStatus
from json import JSONDecodeError
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, message_chunk_to_message
from langchain_core.messages.ai import UsageMetadata, add_ai_message_chunks
from langchain_openai import ChatOpenAI
from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

from chargehand.errors import Unavailable
from chargehand.models.words import Tell

RETRYABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
LONGEST_SECONDS = 240.0
"""An answer takes no longer, however steadily it drips: before the activity's own limit, which would ask for ever."""
_NOT_UNDERSTOOD = frozenset({400, 422, 501})
_NAMES_STREAM = re.compile(r"\bstream(ing|_options)?\b|\binclude_usage\b", re.IGNORECASE)


class How(IntEnum):
    """What an endpoint is asked for, the best first."""

    TEXT_AND_USAGE = 0
    TEXT = 1
    WHOLE = 2


async def ask(
    client: ChatOpenAI, messages: Sequence[BaseMessage], options: Mapping[str, Any], how: How, tell: Tell
) -> tuple[AIMessage, How]:
    """The whole answer, and how the endpoint could be asked.

    Raises:
        Unavailable: it broke off, or can't be reached: asking again is right.
        openai.OpenAIError: it refuses, or the answer can't be used.
    """
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            while True:
                answer, how = await _once(client, messages, options, how, tell)
                if answer is not None:
                    return answer, how
    except (APIConnectionError, APITimeoutError, TimeoutError, JSONDecodeError) as error:
        raise Unavailable(f"The model endpoint does not answer: {type(error).__name__}.") from error
    except APIStatusError:
        raise
    except APIError as error:  # told within the stream, in place of a status
        if _is_refusal(error):
            raise
        raise Unavailable(f"The model endpoint broke off: {error.message}") from error


async def _once(
    client: ChatOpenAI, messages: Sequence[BaseMessage], options: Mapping[str, Any], how: How, tell: Tell
) -> tuple[AIMessage | None, How]:
    """The answer; or none, and how to ask instead."""
    if how is How.WHOLE:
        return await _whole(client, messages, options, tell), how
    try:
        answer = await _stream(client, messages, options, how, tell)
    except APIStatusError as error:
        less = _less(error, how)
        if less is None:
            raise
        return None, less
    return answer, how if answer is not None else How.WHOLE  # not one piece came: it answers in one, however asked


async def _whole(
    client: ChatOpenAI, messages: Sequence[BaseMessage], options: Mapping[str, Any], tell: Tell
) -> AIMessage:
    answer = await client.ainvoke(list(messages), **options)
    if text := str(answer.text):
        tell(text)
    return answer


async def _stream(
    client: ChatOpenAI, messages: Sequence[BaseMessage], options: Mapping[str, Any], how: How, tell: Tell
) -> AIMessage | None:
    pieces: list[AIMessageChunk] = []
    usage: UsageMetadata | None = None
    try:
        async for piece in client.astream(list(messages), stream_usage=how is How.TEXT_AND_USAGE, **options):
            # Some endpoints count in every piece, up to there: the last count is the answer's, not their sum.
            usage, piece.usage_metadata = piece.usage_metadata or usage, None
            pieces.append(piece)
            if text := str(piece.text):
                tell(text)
    except (ValueError, AssertionError) as error:  # LangChain's and the SDK's words for a stream without one piece
        if pieces or isinstance(error, JSONDecodeError):
            raise
        return None
    if not pieces:
        return None
    whole = add_ai_message_chunks(*pieces)  # at once: joining piece by piece copies the text each time
    if not whole.response_metadata.get("finish_reason"):
        raise Unavailable("The model endpoint broke off before its answer was complete.")
    answer = cast("AIMessage", message_chunk_to_message(whole))
    answer.usage_metadata = usage
    return answer


def _less(error: APIStatusError, how: How) -> How | None:
    """How to ask an endpoint that refused the way in which it was asked; None: it refused something else."""
    if error.status_code not in _NOT_UNDERSTOOD or how is How.WHOLE:
        return None
    named = {found.group().lower() for found in _NAMES_STREAM.finditer(f"{error.message} {error.body}")}
    if how is How.TEXT_AND_USAGE and named & {"stream_options", "include_usage"}:
        return How.TEXT
    return How.WHOLE if named or error.status_code == HTTPStatus.NOT_IMPLEMENTED else None


def _is_refusal(error: APIError) -> bool:
    """Whether what was told within a stream says that asking again is in vain."""
    code = str(error.code or "")
    if error.type == "invalid_request_error":
        return True
    return code.isdecimal() and HTTPStatus.BAD_REQUEST <= int(code) < 500 and int(code) not in RETRYABLE
