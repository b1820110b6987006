"""Free text as search words: the same on SQLite and PostgreSQL, and for Chinese, which has no spaces.

Latin text becomes its lower-case alphanumeric runs; a run of CJK characters becomes its overlapping pairs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, cast

from chargehand.audit.fields import LABELS

MAX_WORDS = 400
"""Words indexed a record; later ones are found by field only."""

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_RUN = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_PLAIN = re.compile(r"[0-9a-z]+")


def words(text: str) -> Iterator[str]:
    """The search words of a text, in order."""
    if text.isascii():
        yield from _PLAIN.findall(text.lower())
        return
    for run in _RUN.findall(unicodedata.normalize("NFKC", text).casefold()):
        if not _is_cjk(run[0]) or len(run) == 1:
            yield run
        else:
            yield from (run[n : n + 2] for n in range(len(run) - 1))


def of_record(content: dict[str, Any]) -> str:
    """The words of a record's leaf, space-separated: values, and the labels that people know them by."""
    return " ".join(islice(_of(content), MAX_WORDS))


def of_values(values: Iterable[Any]) -> Iterator[str]:
    """The words of values that a leaf holds sealed, at most MAX_WORDS."""
    return islice((word for value in values for word in _of_value(value)), MAX_WORDS)


def _of(content: dict[str, Any]) -> Iterator[str]:
    for name in ("kind", "decision", "outcome", "effect"):
        for label in LABELS.get(str(content.get(name, "")), ()):
            yield from words(label)
    for name, value in content.items():
        if name not in _SKIPPED:
            yield from _of_value(value)


_SKIPPED = frozenset(
    {"schema_version", "tenant", "at", "call_key", "digest", "result_digest", "pin", "policy_revision", "trace_id"}
)


def _of_value(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from words(value)
    elif isinstance(value, dict):
        item = cast("dict[str, Any]", value)
        if "sealed" not in item:
            for part in item.values():
                yield from _of_value(part)
    elif isinstance(value, list):
        for part in cast("list[Any]", value):
            yield from _of_value(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from words(str(value))


def _is_cjk(letter: str) -> bool:
    return "\u3040" <= letter <= "\u30ff" or "\u3400" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ufaff"
