"""Free text as search words: the same on SQLite and PostgreSQL, and for Chinese, which has no spaces.

Latin text becomes its lower-case alphanumeric runs; a run of CJK characters becomes its overlapping pairs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
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
    found: list[str] = []
    for name in ("kind", "decision", "outcome", "effect"):
        if value := content.get(name):
            found += _labels(value)
    texts: list[str] = []
    for name, value in content.items():
        if name not in _SKIPPED:
            _collect(value, texts)
    found += _all(texts)
    return " ".join(found[:MAX_WORDS])


def of_values(values: Iterable[Any]) -> list[str]:
    """The words of values that a leaf holds sealed, at most MAX_WORDS."""
    texts: list[str] = []
    for value in values:
        _collect(value, texts)
    return _all(texts)[:MAX_WORDS]


@lru_cache(maxsize=1024)
def _labels(value: str) -> tuple[str, ...]:
    return tuple(word for label in LABELS.get(value, ()) for word in words(label))


_SKIPPED = frozenset(
    {"schema_version", "tenant", "at", "call_key", "digest", "result_digest", "pin", "policy_revision", "trace_id"}
)


def _all(texts: list[str]) -> list[str]:
    """The words of all texts, in order. Most are plain: those are read in one go, which is five times as fast."""
    whole = "\n".join(texts)
    return list(words(whole)) if whole.isascii() else [word for text in texts for word in words(text)]


def _collect(value: Any, texts: list[str]) -> None:
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, dict):
        item = cast("dict[str, Any]", value)
        if "sealed" not in item:
            for part in item.values():
                _collect(part, texts)
    elif isinstance(value, list):
        for part in cast("list[Any]", value):
            _collect(part, texts)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        texts.append(str(value))


def _is_cjk(letter: str) -> bool:
    return "\u3040" <= letter <= "\u30ff" or "\u3400" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ufaff"
