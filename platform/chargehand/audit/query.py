"""A filter tree as SQL, and pages of records newest first.

Paging is by key, never by offset: the cursor names the last record seen, so a page costs the same however deep, and
records that arrive meanwhile shift nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Numeric,
    Select,
    String,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    text,
    true,
    tuple_,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import TSQUERY

from chargehand.audit import search_key
from chargehand.audit.fields import COLUMNS, PATHS
from chargehand.audit.filter import And, Between, Compare, Node, Not, Or, Text, Time
from chargehand.audit.store import LEFT_OUT, LeafRow, RecordRow, RollupRow, table
from chargehand.audit.words import words
from chargehand.errors import BadInput

COMMON = 20_000
"""From so many matches on, a word is looked up along the newest records instead of through its own list."""

SAMPLE = 2_000
"""Newest records that tell whether a word is very common."""

_R = table(RecordRow).c
_L = table(LeafRow).c
_U = table(RollupRow).c
HOUR = 3_600_000_000
ROLLED = frozenset({"kind", "agent", "tool", "effect", "decision", "outcome"})
"""Fields that the hourly counts know."""
Clause = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: records strictly older follow."""

    at: int
    seq: int

    def __str__(self) -> str:
        return f"{self.at}.{self.seq}"

    @staticmethod
    def parse(given: str) -> Cursor:
        """Raises BadInput for what no page ever gave out."""
        at, _, seq = given.partition(".")
        if not (at.isdecimal() and seq.isdecimal() and len(given) < 40):
            raise BadInput("Not a place in the log.", field="after", value=given, way_out="Use a page's own `next`.")
        return Cursor(int(at), int(seq))


def where(connection: Connection, tenant: str, node: Node | None, *, personal: bool = False) -> Clause:
    """The condition on `audit_record` for a filter, its own records only; `personal` finds sealed words too."""
    mine = _R.tenant == tenant
    return mine if node is None else and_(mine, _Sql(connection, tenant, personal=personal).of(node))


def rolls_up(node: Node | None) -> bool:
    """Can the hourly counts answer this filter, time to the hour?"""
    match node:
        case None | Time():
            return True
        case And(parts) | Or(parts):
            return all(rolls_up(part) for part in parts)
        case Not(part):
            return rolls_up(part) and not isinstance(part, Time)
        case Compare(field, operator, _):
            return field in ROLLED and operator == "="
        case _:
            return False


def where_rolled(connection: Connection, tenant: str, node: Node | None) -> Clause:
    """The condition on `audit_rollup` for a filter that rolls up."""
    mine = _U.tenant == tenant
    return mine if node is None else and_(mine, _Sql(connection, tenant, rolled_up=True).of(node))


def page(
    connection: Connection,
    tenant: str,
    node: Node | None,
    limit: int,
    after: Cursor | None,
    *,
    personal: bool = False,
) -> list[Any]:
    """Rows (at, seq, leaf) newest first."""
    condition = where(connection, tenant, node, personal=personal)
    if after is not None:
        condition = and_(condition, tuple_(_R.at, _R.seq) < tuple_(literal(after.at), literal(after.seq)))
    newest = (
        select(_R.at, _R.seq).where(condition).order_by(_R.at.desc(), _R.seq.desc()).limit(limit).subquery("newest")
    )
    return list(
        connection.execute(
            select(newest.c.at, newest.c.seq, _L.leaf)
            .join_from(newest, table(LeafRow), and_(_L.tenant == tenant, _L.seq == newest.c.seq), isouter=True)
            .order_by(newest.c.at.desc(), newest.c.seq.desc())
        )
    )


class _Sql:
    def __init__(self, connection: Connection, tenant: str, *, rolled_up: bool = False, personal: bool = False) -> None:
        self._connection = connection
        self._tenant = tenant
        self._personal = personal
        self._rolled_up = rolled_up
        self._sqlite = connection.dialect.name == "sqlite"

    def of(self, node: Node) -> Clause:
        match node:
            case And(parts):
                return and_(true(), *(self.of(part) for part in parts))
            case Or(parts):
                return or_(false(), *(self.of(part) for part in parts))
            case Not(part):
                return not_(func.coalesce(self.of(part), false()))
            case Time(start, end):
                return self._time(start, end)
            case Text(given, phrase):
                return self._text(given, phrase)
            case Between(field, low, high):
                bounds: list[Clause] = []
                if low:
                    bounds.append(self._ordered(field, ">=", low))
                if high:
                    bounds.append(self._ordered(field, "<=", high))
                return and_(true(), *bounds)
            case Compare(field, operator, values):
                if operator == "=":
                    return self._any_of(field, values)
                if operator == "~":
                    return self._text_of(field).ilike(f"%{_escaped(values[0])}%", escape="\\")
                return self._ordered(field, operator, values[0])

    def _time(self, start: int | None, end: int | None) -> Clause:
        at, unit = (_U.hour, HOUR) if self._rolled_up else (_R.at, 1)
        ends: list[Clause] = []
        if start is not None:
            ends.append(at >= start // unit)
        if end is not None:
            ends.append(at < -(-end // unit))
        return and_(true(), *ends)

    def _column(self, field: str) -> ColumnElement[Any]:
        return (_U if self._rolled_up else _R)[COLUMNS.get(field, field)]

    def _any_of(self, field: str, values: tuple[str, ...]) -> Clause:
        if field == "rule" or _is_path(field) or any("*" in value for value in values):
            return or_(false(), *(self._equal(field, value) for value in values))
        column = self._column(field)
        if field in ("principal", "agent"):  # `amy` for `person:amy`
            kinds = ("person", "service", "agent") if field == "principal" else ("agent",)
            values = tuple(
                spelt
                for value in values
                for spelt in ([value] if ":" in value else [value, *(f"{kind}:{value}" for kind in kinds)])
            )
        terms: list[Clause] = [column == values[0] if len(values) == 1 else column.in_(values)]
        left_out = LEFT_OUT.get(column.name, ())
        if not self._rolled_up and not set(left_out) & set(values):
            # What the partial index leaves out, word for word: SQLite can't infer it from a bound value.
            terms += [column != literal_column(f"'{value}'") for value in left_out]
        return and_(*terms)

    def _equal(self, field: str, value: str) -> Clause:
        if _is_path(field):
            return self._path_equal(field, value)
        if field == "rule":
            return (" " + _R.rules + " ").like(f"% {_pattern(value)} %", escape="\\")
        column = self._column(field)
        return self._like(column, value) if "*" in value else column == value

    def _like(self, column: ColumnElement[str], value: str) -> Clause:
        prefix = value[:-1]
        if value.endswith("*") and "*" not in prefix and prefix:  # a prefix is a range, which an index answers
            bounds = and_(column >= prefix, column < prefix[:-1] + chr(ord(prefix[-1]) + 1))
            return bounds if self._sqlite else and_(column.like(f"{_escaped(prefix)}%", escape="\\"))
        return column.like(_pattern(value), escape="\\")

    def _ordered(self, field: str, operator: str, value: str) -> Clause:
        if not _is_path(field):
            return _compare(self._column(field), operator, value)
        number = _number(value)
        found = self._text_of(field)
        if number is None:
            return _compare(found, operator, value)
        if self._sqlite:
            numeric: ColumnElement[Any] = cast(found, Numeric(asdecimal=False))
            looks_numeric: Clause = and_(found.bool_op("GLOB")("[-0-9]*"), found.bool_op("NOT GLOB")("*[^-0-9.eE+]*"))
            return and_(looks_numeric, _compare(numeric, operator, float(number)))
        plain: Clause = found.bool_op("~")(r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$")
        return case((plain, _compare(cast(found, Numeric), operator, number)), else_=false())

    def _path_equal(self, field: str, value: str) -> Clause:
        number = _number(value)
        if number is not None:
            return or_(self._text_of(field) == value, self._ordered(field, "=", value))
        found = self._text_of(field)
        return found.like(_pattern(value), escape="\\") if "*" in value else found == value

    def _text_of(self, field: str) -> ColumnElement[str]:
        """A column, or a path inside the leaf, as text; NULL where the record has no such path."""
        if not _is_path(field):
            return self._column(field)
        parts = field.split(".")
        leaf = select(_L.leaf).where(_L.tenant == _R.tenant, _L.seq == _R.seq).correlate(table(RecordRow))
        if self._sqlite:
            path = "$" + "".join(f'."{part}"' for part in parts)
            return cast(func.json_extract(cast(leaf.scalar_subquery(), String), path), String)
        document = func.convert_from(leaf.scalar_subquery(), "UTF8").op("::")(literal_column("jsonb"))
        return func.jsonb_extract_path_text(document, *parts)

    def _text(self, given: str, phrase: bool) -> Clause:
        star = given.endswith("*") and not phrase
        found = list(words(given))
        if not found:
            return true()
        either = [found]
        if self._personal and not star and (hashed := search_key.blind(self._connection, self._tenant)):
            either.append([hashed(word) for word in found])
        clause = self._fts(either, star) if self._sqlite else self._tsvector(either, star)
        if phrase and len(found) > 1:
            padded = " " + _R.words + " "
            clause = and_(clause, or_(*(padded.like(f"% {_escaped(' '.join(ws))} %", escape="\\") for ws in either)))
        return clause

    def _fts(self, either: list[list[str]], star: bool) -> Clause:
        match = " OR ".join("(" + " AND ".join(f'"{word}"' for word in found) + ")" for found in either)
        if star:
            match = match.removesuffix(")") + "*)"
        hits = select(literal_column("rowid", Integer())).select_from(text("audit_words"))
        hits = hits.where(literal_column("audit_words", String()).bool_op("MATCH")(match))
        return self._looked_up(hits, either, star)

    def _tsvector(self, either: list[list[str]], star: bool) -> Clause:
        words_of = table(RecordRow).alias("hit")
        wanted = " | ".join(
            "(" + " & ".join("'" + word.replace("'", "''") + "'" for word in found) + (":*)" if star else ")")
            for found in either
        )
        vector = func.array_to_tsvector(func.string_to_array(words_of.c.words, literal_column("' '")))
        hits = select(words_of.c.n).where(vector.bool_op("@@")(cast(literal(wanted), TSQUERY)))
        return self._looked_up(hits, either, star)

    def _holding(self, text_: ColumnElement[str], either: list[list[str]], star: bool) -> Clause:
        """The text holds every word. `strpos`, not LIKE, on PostgreSQL: it takes LIKE to be rare, and sorts the log."""
        padded = " " + text_ + " "
        place = func.instr if self._sqlite else func.strpos
        return or_(
            *(
                and_(*(place(padded, f" {word}" if star and word is found[-1] else f" {word} ") > 0 for word in found))
                for found in either
            )
        )

    def _looked_up(self, hits: Select[Any], either: list[list[str]], star: bool) -> Clause:
        """Rare words through the text index, common ones along the newest records: planners can't tell which is which.

        PostgreSQL's would walk the whole log in order of time for a rare word, and sort it whole for a common one.
        """
        beside = self._holding(_R.words, either, star)
        if not self._sqlite:  # its probe would collect every match before it counts the first: look at the newest first
            newest = select(_R.words).where(_R.tenant == self._tenant).order_by(_R.at.desc(), _R.seq.desc())
            seen = newest.limit(SAMPLE).subquery()
            in_sample = select(func.count()).where(self._holding(seen.c.words, either, star))
            if self._connection.execute(in_sample).scalar_one() >= SAMPLE // 20:
                return beside
        some = select(func.count()).select_from(hits.limit(COMMON).subquery())
        if self._connection.execute(some).scalar_one() < COMMON:
            # The limit, never reached, keeps the planner from merging the lookup with what is around it.
            return _R.n.in_(select(hits.limit(COMMON).subquery().c[0]))
        return beside


def _is_path(field: str) -> bool:
    return field.partition(".")[0] in PATHS and "." in field


def _compare(column: ColumnElement[Any], operator: str, value: Any) -> Clause:
    return {
        "=": column.__eq__, "<": column.__lt__, "<=": column.__le__, ">": column.__gt__, ">=": column.__ge__,
    }[operator](value)  # fmt: skip


def _number(value: str) -> Decimal | None:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _pattern(value: str) -> str:
    return _escaped(value).replace("*", "%")
