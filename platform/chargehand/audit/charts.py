"""Counts for charts: over time and by value. From the hourly counts where a filter allows it, else from the rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Integer, cast, func, literal, select

from chargehand.audit.fields import BY_NAME, COLUMNS
from chargehand.audit.filter import Node
from chargehand.audit.query import HOUR, ROLLED, rolls_up, where, where_rolled
from chargehand.audit.store import RecordRow, RollupRow, table
from chargehand.errors import BadInput

Bucket = Literal["hour", "day", "week"]

SCAN_LIMIT = 200_000
"""Newest matches that are counted where only the rows can answer."""

_R, _U = table(RecordRow).c, table(RollupRow).c


@dataclass(frozen=True, slots=True)
class Bar:
    """`count` records in the bucket that begins at `start`, with one value of the field charted ("" without one)."""

    start: datetime
    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """How often each value occurs, most frequent first. `complete` is False where only the newest were counted."""

    field: str
    values: tuple[tuple[str, int], ...]
    complete: bool


def histogram(
    connection: Connection,
    tenant: str,
    node: Node | None,
    bucket: Bucket,
    by: str,
    zone: tzinfo,
    *,
    personal: bool = False,
) -> tuple[Bar, ...]:
    """Counts by time in `zone`, oldest first; the ends of a time range are taken to the hour."""
    column = _checked(by) if by else ""
    counts: Counter[tuple[datetime, str]] = Counter()
    for hour, value, count in _hours(connection, tenant, node, column, personal):
        counts[_start(hour, bucket, zone), value] += count
    return tuple(Bar(start, value, count) for (start, value), count in sorted(counts.items()))


def facet(
    connection: Connection, tenant: str, node: Node | None, field: str, limit: int, *, personal: bool = False
) -> Facet:
    """The most frequent values of a field among the records that match."""
    column = _checked(field)
    if rolls_up(node) and column in ROLLED:
        total = func.sum(_U.n)
        rows = connection.execute(
            select(_U[column], total)
            .where(where_rolled(connection, tenant, node))
            .group_by(_U[column])
            .order_by(total.desc(), _U[column])
            .limit(limit)
        )
        return Facet(field, tuple((row[0], int(row[1])) for row in rows if row[0]), complete=True)
    newest = (
        select(_R[column].label("value"))
        .where(where(connection, tenant, node, personal=personal))
        .order_by(_R.at.desc(), _R.seq.desc())
        .limit(SCAN_LIMIT)
        .subquery()
    )
    counted = func.count()
    rows = list(
        connection.execute(
            select(newest.c.value, counted).group_by(newest.c.value).order_by(counted.desc(), newest.c.value)
        )
    )
    complete = sum(row[1] for row in rows) < SCAN_LIMIT
    return Facet(field, tuple((row[0], int(row[1])) for row in rows[:limit] if row[0]), complete)


def _hours(
    connection: Connection, tenant: str, node: Node | None, column: str, personal: bool
) -> list[tuple[int, str, int]]:
    if rolls_up(node) and (not column or column in ROLLED):
        value: ColumnElement[Any] = _U[column] if column else literal("")
        statement = select(_U.hour, value, func.sum(_U.n)).where(where_rolled(connection, tenant, node))
        keys: list[ColumnElement[Any]] = [_U.hour, _U[column]] if column else [_U.hour]
    else:
        hour = cast(_R.at / HOUR if connection.dialect.name == "sqlite" else func.div(_R.at, HOUR), Integer)
        value = _R[column] if column else literal("")
        mine = where(connection, tenant, node, personal=personal)
        statement = select(hour.label("hour"), value, func.count()).where(mine)
        keys = [hour, _R[column]] if column else [hour]
    return [(int(row[0]), str(row[1]), int(row[2])) for row in connection.execute(statement.group_by(*keys))]


def _start(hour: int, bucket: Bucket, zone: tzinfo) -> datetime:
    at = datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone)
    if bucket == "hour":
        return at
    day = at.replace(hour=0, minute=0)
    return day - timedelta(days=day.weekday()) if bucket == "week" else day


def _checked(field: str) -> str:
    found = BY_NAME.get(field)
    if found is None or found.kind == "time" or found.name == "rule":
        raise BadInput(
            "Can't be counted by.", field="by", value=field, way_out="Name a field such as tool or decision."
        )
    return COLUMNS.get(found.name, found.name)
