"""Pages of a list: an opaque cursor, a number of items at most, a number of bytes at most."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

import orjson
from pydantic import BaseModel

from chargehand.errors import BadInput

T = TypeVar("T", bound=BaseModel)

MAX_PAGE_BYTES = 256 * 1024


def after(cursor: str) -> str:
    """The position that `cursor` stands for; "" for the first page. Raises BadInput for one we did not make."""
    if not cursor:
        return ""
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))["after"]
    except (ValueError, binascii.Error, KeyError, TypeError, orjson.JSONDecodeError):
        position = None
    if not isinstance(position, str):
        raise BadInput("this is no cursor of ours", field="cursor", value=cursor, way_out="Start without one.")
    return position


def cut(items: Sequence[T], position: Callable[[T], str], *, limit: int, more: bool = False) -> tuple[list[T], str]:
    """As many of `items` as fit, and the cursor of the next page ("" at the end).

    `items` come in the order of `position`; `more` says that the system has others after the last. At least one item
    is returned, so that a reader always gets on.
    """
    page: list[T] = []
    size = 0
    for item in items[:limit]:
        size += len(item.model_dump_json())
        if page and size > MAX_PAGE_BYTES:
            break
        page.append(item)
    if page and (more or len(page) < len(items)):
        token = orjson.dumps({"after": position(page[-1])})
        return page, base64.urlsafe_b64encode(token).decode("ascii")
    return page, ""
