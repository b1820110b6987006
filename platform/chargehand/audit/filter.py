"""The filter language of the action log: text in, a small tree out. Described in docs/action-log.md.

    tool:erp.* decision:deny last 7d
    principal:person:amy (outcome in (failed, in_doubt) or arguments.amount >= 500) not "test order"

Words next to each other must all hold. `parse` never guesses: what it can't read it names, with column and way out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, VisitError

from chargehand import clock
from chargehand.audit.fields import BY_NAME, FIELDS, PATHS, FilterField, value_of
from chargehand.errors import BadInput

MAX_FILTER_LENGTH = 2_000
MAX_DEPTH = 30

Operator = Literal["=", "<", "<=", ">", ">=", "~"]


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class Compare:
    """`field` against any of `values` (several only for `=`). A value may hold `*`. A path such as arguments.amount
    stands in `field` whole."""

    field: str
    operator: Operator
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """`low <= field <= high`; an empty end is open."""

    field: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Time:
    """`start <= at < end`, microseconds since 1970; None is open."""

    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Text:
    """Free text. A phrase's words stand next to each other."""

    text: str
    phrase: bool = False


Node = And | Or | Not | Compare | Between | Time | Text

_GRAMMAR = r"""
start: [either]
?either: both (_OR both)*
?both: one (_AND? one)*
?one: (_NOT | _MINUS) one -> negation
    | atom
?atom: "(" either ")"
    | NAME OPERATOR value         -> compare
    | NAME _IN list               -> compare_in
    | NAME _NOT_IN list           -> compare_not_in
    | LAST                        -> last
    | DAY                         -> day
    | NAME                        -> word
    | STRING                      -> phrase
?value: VALUE | STRING | list
list: "(" (VALUE | STRING) ("," (VALUE | STRING))* ")"

_OR.4: /or(?=[\s(])|\|\||\||或者?(?=[\s(])/i
_AND.4: /and(?=[\s(])|&&|&|并且(?=[\s(])/i
_NOT.4: /not(?=[\s(])|!(?!=)|非(?=[\s(])/i
_MINUS.4: /-(?=[^\s])/
_NOT_IN.5: /not\s+in(?=[\s(])/i
_IN.4: /in(?=[\s(])/i
LAST.5: /(?:last|past)\s+\d+\s*[a-z]+|最近\s*\d+\s*[^\s\d]+/i
DAY.4: /(?:today|yesterday|今天|昨天)(?=[\s)]|$)/i
OPERATOR.3: /!=|<=|>=|<|>|:|=|~/
STRING.3: /"(?:[^"\\]|\\.)*"/
NAME: /[^\s()"':=<>~,!|&][^\s()":=<>~,!|&]*/
VALUE.2: /[^\s()",]+/
%ignore /\s+/
"""

_PARSER = Lark(_GRAMMAR, parser="lalr", lexer="contextual", maybe_placeholders=True)

_UNITS = {
    "minutes": 60, "hours": 3_600, "days": 86_400, "weeks": 604_800, "months": 30 * 86_400,
}  # fmt: skip
_UNIT_WORDS = {
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes", "分", "分钟"), "minutes"),
    **dict.fromkeys(("h", "hour", "hours", "小时", "时"), "hours"),
    **dict.fromkeys(("d", "day", "days", "天", "日"), "days"),
    **dict.fromkeys(("w", "week", "weeks", "周", "星期"), "weeks"),
    **dict.fromkeys(("mo", "month", "months", "月", "个月"), "months"),
}
_RELATIVE = re.compile(r"(?:now)?([+-])(\d+)(\D+)$")


def parse(text: str, *, at: datetime | None = None, zone: tzinfo = UTC) -> Node | None:
    """The tree of a filter; None for an empty one, which holds for every record.

    `at` is what "now" means, `zone` in which days begin. Raises BadInput (field `filter`) naming column and way out.
    """
    if len(text) > MAX_FILTER_LENGTH:
        raise _bad(text, 1, f"A filter has at most {MAX_FILTER_LENGTH} characters.", "Split it up.")
    if _depth(text) > MAX_DEPTH:
        raise _bad(text, 1, "Too deep.", "Simplify the filter: it nests too far.")
    try:
        tree = _PARSER.parse(text)
        return cast("Node | None", _Builder(text, at or clock.now(), zone).transform(tree))
    except VisitError as error:
        raise error.orig_exc from None
    except UnexpectedEOF:
        raise _bad(
            text, len(text) + 1, "The filter ends too early.", "Give a value, or close the parenthesis."
        ) from None
    except UnexpectedInput as error:
        raise _unreadable(text, error) from None


def _depth(text: str) -> int:
    """How far parentheses and negations nest, at most."""
    deepest = depth = 0
    for sign in re.finditer(r"[()]|\bnot\b|!|非|(?<!\w)-", text, re.IGNORECASE):
        depth += -1 if sign[0] == ")" else 1 if sign[0] == "(" else 0
        deepest = max(deepest, depth)
    return max(deepest, len(re.findall(r"(?:(?:\bnot\b|!|非|-)\s*){30,}", text, re.IGNORECASE)) * (MAX_DEPTH + 1))


def _unreadable(text: str, error: UnexpectedInput) -> BadInput:
    column = error.column if error.column > 0 else len(text) + 1
    rest = text[column - 1 : column + 19]
    if isinstance(error, UnexpectedCharacters) and rest.startswith('"'):
        return _bad(text, column, "A quotation mark is not closed.", 'Add the closing ".')
    if (
        not rest
        or "$END" in str(getattr(error, "token", ""))
        or getattr(getattr(error, "token", None), "type", "") == "$END"
    ):
        return _bad(text, len(text) + 1, "The filter ends too early.", "Give a value, or close the parenthesis.")
    return _bad(
        text, column, f"{rest!r} is not understood here.", 'Write field:value, or put text in "quotation marks".'
    )


def _bad(text: str, column: int, detail: str, way_out: str) -> BadInput:
    shown = text if len(text) <= 60 else text[:59] + "…"
    return BadInput(f"column {column}: {detail}", field="filter", value=shown, way_out=way_out)


class _Builder(Transformer[Token, Any]):
    """Turns lark's tree into ours and checks every name and value on the way."""

    def __init__(self, text: str, at: datetime, zone: tzinfo) -> None:
        super().__init__()
        self._text, self._at, self._zone = text, at.astimezone(zone), zone

    def start(self, items: list[Any]) -> Node | None:
        return items[0]

    def either(self, items: list[Node]) -> Node:
        return Or(tuple(items))

    def both(self, items: list[Node]) -> Node:
        return And(tuple(items))

    def negation(self, items: list[Node]) -> Node:
        return Not(items[0])

    def list(self, items: list[Token]) -> list[Token]:
        return items

    def word(self, items: list[Token]) -> Node:
        return Text(str(items[0]))

    def phrase(self, items: list[Token]) -> Node:
        return Text(_unquoted(items[0]), phrase=True)

    def last(self, items: list[Token]) -> Node:
        found = re.search(r"(\d+)\s*(\S+)$", items[0])
        amount, unit = (found[1], found[2]) if found else ("", "")
        return Time(_micros(self._at - self._span(items[0], amount, unit)), None)

    def day(self, items: list[Token]) -> Node:
        start = self._at.replace(hour=0, minute=0, second=0, microsecond=0)
        if items[0].lower() in ("yesterday", "昨天"):
            return Time(_micros(start - timedelta(days=1)), _micros(start))
        return Time(_micros(start), None)

    def compare_in(self, items: list[Any]) -> Node:
        return self._compare(items[0], "=", items[1])

    def compare_not_in(self, items: list[Any]) -> Node:
        return Not(self._compare(items[0], "=", items[1]))

    def compare(self, items: list[Any]) -> Node:
        name, operator, value = items
        values: list[Token] = value if isinstance(value, list) else [value]
        if str(operator) == "!=":
            return Not(self._compare(name, "=", values))
        return self._compare(name, cast("Operator", "=" if operator == ":" else str(operator)), values)

    def _compare(self, name: Token, operator: Operator, values: list[Token]) -> Node:
        field = self._field(name)
        if len(values) > 1 and operator != "=":
            raise self._error(values[0], f"A list can't be compared with {operator}.", "Use `in (…)`.")
        if isinstance(field, str):
            return self._path(field, operator, values)
        if field.kind == "time":
            return self._time(operator, values)
        for value in values:
            low, dots, high = _range(value)
            if dots and len(values) == 1:
                return Between(field.name, low, high)
        stored = tuple(value_of(field, _unquoted(value)) for value in values)
        if field.values:
            for value, token in zip(stored, values, strict=True):
                if "*" not in value and value not in field.values and operator == "=":
                    raise self._error(
                        token, f"{field.name} is never {value!r}.", f"It is one of {', '.join(field.values)}."
                    )
        return Compare(field.name, operator, stored)

    def _path(self, field: str, operator: Operator, values: list[Token]) -> Node:
        low, dots, high = _range(values[0])
        if dots and len(values) == 1:
            return Between(field, low, high)
        return Compare(field, operator, tuple(_unquoted(value) for value in values))

    def _field(self, name: Token) -> FilterField | str:
        given = str(name)
        found = BY_NAME.get(given) or BY_NAME.get(given.lower())
        if found:
            return found
        root, dot, path = given.partition(".")
        if root in PATHS and dot and re.fullmatch(r"[\w-]+(\.[\w-]+)*", path):
            return given
        raise self._error(
            name,
            f"There is no field {given!r}.",
            f"Fields: {', '.join(field.name for field in FIELDS)}, arguments.… and detail.…; "
            'put plain text in "quotation marks".',
        )

    def _time(self, operator: Operator, values: list[Token]) -> Node:
        spans: list[Node] = []
        for value in values:
            low, dots, high = _range(value)
            if dots:
                spans.append(
                    Time(self._moment(value, low)[0] if low else None, self._moment(value, high)[1] if high else None)
                )
                continue
            start, end = self._moment(value, _unquoted(value))
            match operator:
                case "=":
                    spans.append(Time(start, end))
                case "<":
                    spans.append(Time(None, start))
                case "<=":
                    spans.append(Time(None, end))
                case ">":
                    spans.append(Time(end, None))
                case ">=":
                    spans.append(Time(start, None))
                case _:
                    raise self._error(value, "A time can't be searched with ~.", "Use >=, <= or a range a..b.")
        return spans[0] if len(spans) == 1 else Or(tuple(spans))

    def _moment(self, token: Token, text: str) -> tuple[int, int]:
        """First and one-past-last microsecond of what was written: a day lasts a day, a moment a microsecond."""
        lowered = text.lower()
        midnight = self._at.replace(hour=0, minute=0, second=0, microsecond=0)
        if lowered in ("now", "today", "yesterday", "今天", "昨天"):
            if lowered == "now":
                return _micros(self._at), _micros(self._at) + 1
            day = midnight if lowered in ("today", "今天") else midnight - timedelta(days=1)
            return _micros(day), _micros(day + timedelta(days=1))
        relative = _RELATIVE.fullmatch(lowered)
        if relative:
            sign, amount, unit = relative.groups()
            span = self._span(token, amount, unit)
            moment = self._at + span if sign == "+" else self._at - span
            return _micros(moment), _micros(moment) + 1
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise self._error(
                token, f"{text!r} is no time.", "Write 2026-01-31, 2026-01-31T08:00:00Z, now-2h, today, or `last 7d`."
            ) from None
        at = at if at.tzinfo else at.replace(tzinfo=self._zone)
        whole_day = re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text) is not None
        return _micros(at), _micros(at + timedelta(days=1)) if whole_day else _micros(at) + 1

    def _span(self, token: Token, amount: str, unit: str) -> timedelta:
        seconds = _UNITS.get(_UNIT_WORDS.get(unit.lower(), ""))
        if seconds is None or not amount or len(amount) > 6:
            raise self._error(token, f"{str(token)!r} is no length of time.", "Write 30m, 12h, 7d, 4w or 6mo.")
        return timedelta(seconds=int(amount) * seconds)

    def _error(self, token: Token, detail: str, way_out: str) -> BadInput:
        return _bad(self._text, token.column or 1, detail, way_out)


def _range(value: Token) -> tuple[str, str, str]:
    return ("", "", "") if value.type == "STRING" else str(value).partition("..")


def _unquoted(value: Token) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.type == "STRING" else str(value)


def _micros(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond
