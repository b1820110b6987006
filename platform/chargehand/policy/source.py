"""Reading YAML so that nothing is ignored: each mistake has a line, and no value is other than what is written.

Every scalar is text (YAML's own `no`, `1e3`, `.nan`, `2026-01-01` and `08:30` are traps), keys are unique, aliases and
tags are refused. Inside a case's `arguments` plain `true`, `false`, `null` and integers are JSON's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from chargehand.policy.model import Problem

MAX_BYTES = 4_000_000
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})")
_NUMERIC = re.compile(r"[-+.]?[0-9][0-9_.eExXoO+:-]*")
_JSON_KEYS = frozenset({"arguments"})
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]


@dataclass(slots=True)
class Source:
    """One file read: its plain value, the line (from 1) of each place in it, and what was wrong."""

    name: str
    value: Any = None
    lines: dict[Location, int] = field(default_factory=dict[Location, int])
    problems: list[Problem] = field(default_factory=list[Problem])

    def line(self, where: Iterable[str | int]) -> int:
        """The line of `where`, or of the nearest place around it."""
        path = tuple(where)
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, where: Iterable[str | int], detail: str, way_out: str = "", rule: str = "") -> None:
        self.problems.append(Problem(self.name, self.line(where), detail, way_out, rule))


def read_yaml(name: str, text: str) -> Source:
    """Parse `text`; what is wrong is in `problems`."""
    source = Source(name)
    if len(text.encode()) > MAX_BYTES:
        source.problem((), f"is larger than {MAX_BYTES} bytes.", "Split it.")
        return source
    try:
        # The C parser composes aliases as one shared node; events are looked at first, so that none gets that far.
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            anchored = getattr(event, "anchor", None) is not None
            tagged = getattr(event, "tag", None) is not None
            if anchored or tagged:
                what = "an anchor or alias" if anchored else "a tag"
                source.lines[()] = event.start_mark.line + 1 if event.start_mark else 1
                source.problem((), f"has {what}.", "Write it out.")
                return source
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        source.lines[()] = mark.line + 1 if mark else 1
        source.problem((), f"is not YAML: {error.problem}.", "See docs/policy.md.")
        return source
    except (yaml.YAMLError, RecursionError) as error:
        source.problem((), f"is not YAML: {type(error).__name__}.", "See docs/policy.md.")
        return source
    if node is not None:
        source.value = _plain(source, node, (), json=False)
    return source


def _plain(source: Source, node: yaml.Node, where: Location, *, json: bool) -> Any:
    source.lines[where] = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        return _scalar(source, node, where) if json else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain(source, item, (*where, index), json=json) for index, item in enumerate(node.value)]
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key, str):
            source.problem(where, "has a key that is not text.")
            continue
        if key in mapping:
            source.lines[(*where, key)] = key_node.start_mark.line + 1
            source.problem((*where, key), f"has the key {key!r} twice.", "Keep one.")
        mapping[key] = _plain(source, value_node, (*where, key), json=json or key in _JSON_KEYS)
        source.lines[(*where, key)] = key_node.start_mark.line + 1
    return mapping


def _scalar(source: Source, node: yaml.ScalarNode, where: Location) -> Any:
    if node.style:  # quoted or a block: text, whatever it looks like
        return node.value
    if node.value in _WORDS:
        return _WORDS[node.value]
    if _INTEGER.fullmatch(node.value):
        return int(node.value)
    if node.tag != "tag:yaml.org,2002:str" or _NUMERIC.fullmatch(node.value):
        source.problem(where, f"{node.value!r} could be read in more than one way.", "Quote it: money is text.")
    return node.value


def parse(source: Source, model: type[Model], value: Any, where: Location) -> Model | None:
    """`value` as `model`, or None with each mistake in the source's problems."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for one in error.errors():
            place = (*where, *one["loc"])
            field_name = ".".join(str(part) for part in one["loc"])
            source.problem(place, f"{field_name + ': ' if field_name else ''}{_said(one)}.", _way_out(one, model))
        return None


def _said(error: Any) -> str:
    match error["type"]:
        case "extra_forbidden":
            return "unknown key"
        case "missing":
            return "is missing"
        case _:
            message = str(error["msg"]).removeprefix("Value error, ")
            given = error.get("input")
            return f"{message}; found {given!r}"[:300] if isinstance(given, str | int) else message


def _way_out(error: Any, model: type[BaseModel]) -> str:
    if error["type"] in ("extra_forbidden", "missing") and len(error["loc"]) == 1:
        names = ", ".join(item.alias or name for name, item in model.model_fields.items())
        return f"Known keys: {names}."
    return ""
