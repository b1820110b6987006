"""The sentence that an approver reads, rendered from a tool's template and the call's own arguments.

A template knows `{name}` and `{name:money currency_name}`, nothing else: no attributes, no indexing, no conversion.
Argument text can't forge the sentence: control, direction and line-breaking characters are shown as escapes.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from chargehand.errors import BadInput

MAX_VALUE_CHARACTERS = 200
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})


def check_template(template: str, parameters: Collection[str], *, field: str) -> None:
    """Raises BadInput when the template names something that is not a parameter, or is not well formed."""
    try:
        named = [(name, currency) for _, name, currency in _parts(template) if name is not None]
    except ValueError as error:
        raise BadInput(str(error), field=field, value=template) from None
    for name, currency in named:
        for wanted in filter(None, (name, currency)):
            if wanted not in parameters:
                raise BadInput(f"the sentence names {wanted!r}, which is no parameter", field=field, value=template)


def sentence(template: str, arguments: Mapping[str, Any], *, tool: str) -> str:
    """The template filled in; without a template, the tool and its arguments."""
    if not template:
        shown = ", ".join(f"{name}: {_shown(value)}" for name, value in sorted(arguments.items()))
        return f"Use {tool} with {shown or 'no arguments'}"
    pieces: list[str] = []
    for text, name, currency in _parts(template):
        pieces.append(text)
        if name is None:
            continue
        value = arguments.get(name)
        pieces.append(_money(value, arguments.get(currency)) if currency else _shown(value))
    return "".join(pieces)


def _parts(template: str) -> Iterator[tuple[str, str | None, str]]:
    for text, name, spec, conversion in string.Formatter().parse(template):
        if name is not None and (not name.isidentifier() or conversion):
            raise ValueError(f"only names stand in braces, not {name!r}")
        kind, _, currency = (spec or "").partition(" ")
        if kind not in ("", "money") or (kind == "money" and not currency.isidentifier()):
            raise ValueError(f"the only format is 'money <currency argument>', not {spec!r}")
        yield text, name, currency


def _money(value: Any, currency: Any) -> str:
    """`1,280.00 CNY`: the code, because ¥ and $ name more than one currency."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return f"{_shown(value)} {_shown(currency)}"
    if not amount.is_finite():
        return f"{_shown(value)} {_shown(currency)}"
    return f"{amount:,f} {_shown(currency)}"


def _shown(value: Any) -> str:
    if value is None:
        return "—"
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return visible(text) if len(text) <= MAX_VALUE_CHARACTERS else visible(text[:MAX_VALUE_CHARACTERS]) + "…"


def visible(text: str) -> str:
    """`text` with every character that would not be seen, or would move others, as an escape."""
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}" if unicodedata.category(character) in _HIDDEN else character
