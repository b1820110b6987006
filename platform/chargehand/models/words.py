"""The words of an answer, and how they are made fit to be kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

Tell = Callable[[str], None]
"""Hears the words of an answer as they come, piece by piece, in order. Must not wait."""

_UNFIT = "\N{REPLACEMENT CHARACTER}"


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message as LangChain writes it; tool calls, images and reasoning are no text."""
    content: Any = message["data"]["content"]
    if isinstance(content, str):
        return content
    found: list[str] = []
    for block in cast("list[Any]", content):
        if isinstance(block, str):
            found.append(block)
        elif isinstance(block, Mapping):
            block = cast("Mapping[str, Any]", block)
            if block.get("type") == "text":
                found.append(str(block.get("text") or ""))
    return "".join(found)


def fit(text: str) -> str:
    """The text without what a database refuses: halves of characters are joined, what stays alone is replaced."""
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", _UNFIT)


def ends_in_half(text: str) -> bool:
    """Whether the last character is one half of one whose other half is still to come."""
    return "\ud800" <= text[-1:] <= "\udbff"
