"""The functions of the condition language. Each checks its literals when compiled and reads strictly when asked."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from chargehand.policy import facts as read
from chargehand.policy.facts import ConditionFailed, Facts, Kind, Test, Value, Window

if TYPE_CHECKING:
    from chargehand.policy.grammar import Translation

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_WINDOW = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_TOOL = re.compile(r"[a-z0-9_][a-z0-9_.\-]*\*?")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Call:
    """A call as written, with what translates its arguments."""

    to: Translation
    node: ast.Call

    def positional(self, count: int, usage: str) -> list[ast.expr]:
        if len(self.node.args) != count or any(isinstance(item, ast.Starred) for item in self.node.args):
            self.to.refuse(self.node, f"takes {count} argument{'s' * (count != 1)}", f"Write {usage}.")
        return self.node.args

    def keywords(self, allowed: tuple[str, ...], usage: str) -> dict[str, ast.expr]:
        named: dict[str, ast.expr] = {}
        for keyword in self.node.keywords:
            if keyword.arg not in allowed or keyword.arg in named:
                self.to.refuse(self.node, f"does not take {keyword.arg or '**'}", f"Write {usage}.")
            named[keyword.arg] = keyword.value
        return named


def _has(call: Call) -> Test:
    usage = "has(args.note)"
    call.keywords((), usage)
    (node,) = call.positional(1, usage)
    root, steps = call.to.path(node)
    if root != "args" or not steps or not isinstance(steps[0], str):
        call.to.refuse(node, "is not an argument of the call", f"Write {usage}.")
    call.to.optional.add(steps[0])

    def has(c: Facts) -> bool:
        value: Any = c.request.arguments
        for step in steps:
            if type(value) is str:
                return False
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return False
        return value is not None

    return has


def _texts(decide: Callable[[str, str], bool], name: str) -> Callable[[Call], Test]:
    def build(call: Call) -> Test:
        usage = f'{name}(args.x, "…")'
        call.keywords((), usage)
        left, right = call.positional(2, usage)
        piece = call.to.literal(right, "what to look for")
        if not piece:
            call.to.refuse(right, "is empty, so it would always be true")
        part = call.to.value(left)
        value, shown = part.value, part.text
        return lambda c: decide(read.text(value(c), shown), piece)

    return build


def _contains(call: Call) -> Test:
    usage = 'contains(args.list, "item")'
    call.keywords((), usage)
    left, right = call.positional(2, usage)
    inside, item = call.to.value(left), call.to.value(right)

    def contains(c: Facts) -> bool:
        wanted = item.value(c)
        return any(read.same(one, wanted, inside.text, item.text) for one in read.items(inside.value(c), inside.text))

    return contains


def _length(call: Call) -> Value:
    usage = "length(args.to)"
    call.keywords((), usage)
    (node,) = call.positional(1, usage)
    part = call.to.value(node)

    def length(c: Facts) -> Decimal:
        value = part.value(c)
        return Decimal(len(value if type(value) is str else read.items(value, part.text)))

    return length


def _quantifier(every: bool) -> Callable[[Call], Test]:
    name = "all" if every else "any"

    def build(call: Call) -> Test:
        usage = f"{name}(… for item in args.list)"
        call.keywords((), usage)
        (node,) = call.positional(1, usage)
        match node:
            case ast.GeneratorExp(
                elt=body,
                generators=[ast.comprehension(target=ast.Name(id=variable), iter=source, ifs=[], is_async=0)],
            ):
                inside = call.to.value(source)
                call.to.variable(variable)
                test = call.to.truth(body)
                call.to.end_variable()
            case _:
                call.to.refuse(node, "is not of the form `… for item in list`", f"Write {usage}.")

        def decide(c: Facts) -> bool:
            values = read.items(inside.value(c), inside.text)
            if every and not values:
                # Nothing said is not the same as everything fine.
                raise ConditionFailed("condition.empty_list", path=inside.text)
            answer = every
            for value in values:
                c.variables.append(value)
                try:
                    holds = test(c)
                finally:
                    c.variables.pop()
                if holds is not every:
                    answer = not every
                    break
            return answer

        return decide

    return build


def _between(call: Call) -> Test:
    usage = 'between("08:00", "18:00")'
    call.keywords((), usage)
    start, end = (_clock(call, node) for node in call.positional(2, usage))
    if start == end:
        call.to.refuse(call.node, "is an empty window", f"Write {usage}; the second time is not included.")

    def between(c: Facts) -> bool:
        minute = c.local.hour * 60 + c.local.minute
        return start <= minute < end if start < end else minute >= start or minute < end

    return between


def _clock(call: Call, node: ast.expr) -> int:
    shown = call.to.literal(node, "a time of day such as 08:00")
    match = _CLOCK.fullmatch(shown)
    if match is None and shown != "24:00":
        call.to.refuse(node, "is not a time of day", "Write hours and minutes, as in 08:00.")
    return 24 * 60 if match is None else int(match[1]) * 60 + int(match[2])


def _dated(after: bool) -> Callable[[Call], Test]:
    def build(call: Call) -> Test:
        usage = f'{"from_date" if after else "before_date"}("2026-12-31")'
        call.keywords((), usage)
        (node,) = call.positional(1, usage)
        try:
            day = date.fromisoformat(call.to.literal(node, "a date"))
        except ValueError:
            call.to.refuse(node, "is not a date", f"Write {usage}.")
        return lambda c: (c.local.date() >= day) is after

    return build


def _total(call: Call) -> Value:
    usage = 'total("amount", tool="erp.create_credit_note", within="1d", of=["agent", "args.customer"])'
    (node,) = call.positional(1, usage)
    field = call.to.literal(node, "the name of an argument")
    if not all(step.isidentifier() or step.isdecimal() for step in field.split(".")):
        call.to.refuse(node, "is not the name of an argument", f"Write {usage}.")
    tool, window, of = _span(call, usage)

    def total(c: Facts) -> Decimal:
        value = _ask(lambda: c.history.total(field, tool=tool or c.request.tool, since=window.since(c), of=of(c)))
        if type(value) is int:
            return Decimal(value)
        if type(value) is not Decimal or not value.is_finite():
            raise ConditionFailed("condition.history_failed", why="the sum is not an exact number")
        return value

    return total


def _count(call: Call) -> Value:
    usage = 'count(tool="mail.send", within="1h", of=["agent"])'
    call.positional(0, usage)
    tool, window, of = _span(call, usage)
    return lambda c: Decimal(_counted(c, tool or c.request.tool, window, of))


def _first_seen(call: Call) -> Test:
    usage = 'first_seen("args.customer", within="365d")'
    (node,) = call.positional(1, usage)
    key = call.to.literal(node, "a fact such as args.customer")
    tool, window, of = _span(call, usage, extra=(key,))
    return lambda c: _counted(c, tool or c.request.tool, window, of) == 0


def _never_after(call: Call) -> Test:
    usage = 'never_after("crm.export_*", within="1d", of=["run"])'
    (node,) = call.positional(1, usage)
    earlier = call.to.literal(node, "a tool")
    _, window, of = _span(call, usage, allowed=("within", "of"))
    _tool_name(call, node, earlier)
    return lambda c: _counted(c, earlier, window, of) == 0


def _span(
    call: Call, usage: str, *, extra: tuple[str, ...] = (), allowed: tuple[str, ...] = ("tool", "within", "of")
) -> tuple[str, Window, Callable[[Facts], dict[str, str]]]:
    """`tool=`, `within=`, `of=` of a history function; an empty tool means the one that is asked for."""
    call.to.uses_history = True
    named = call.keywords(allowed, usage)
    if "within" not in named:
        call.to.refuse(call.node, "does not say how far back to look", f"Write {usage}.")
    tool = ""
    if "tool" in named:
        tool = call.to.literal(named["tool"], "a tool")
        _tool_name(call, named["tool"], tool)
    keys = list(extra)
    if "of" in named:
        listed = named["of"]
        if not isinstance(listed, ast.List | ast.Tuple):
            call.to.refuse(listed, "is not a list of facts", f"Write {usage}.")
        keys += [call.to.literal(item, "a fact such as agent or args.customer") for item in listed.elts]
    return tool, _window(call, named["within"]), _narrowed(call, keys)


def _tool_name(call: Call, node: ast.expr, name: str) -> None:
    if _TOOL.fullmatch(name) is None:
        call.to.refuse(node, "is not a tool", "Write a tool's name, or a prefix that ends in *.")
    call.to.history_tools.add(name)


def _window(call: Call, node: ast.expr) -> Window:
    shown = call.to.literal(node, "a length of time")
    if shown == "today":
        return Window(shown, None)
    match = _WINDOW.fullmatch(shown)
    if match is None:
        call.to.refuse(
            node, "is not a length of time", 'Write minutes, hours or days ("30m", "12h", "7d"), or "today".'
        )
    return Window(shown, timedelta(**{_UNITS[match[2]]: int(match[1])}))


def _narrowed(call: Call, keys: list[str]) -> Callable[[Facts], dict[str, str]]:
    readers: dict[str, Callable[[Facts], str]] = {}
    for key in keys:
        if key in ("person", "agent"):
            readers[key] = (lambda c: c.person) if key == "person" else (lambda c: c.agent)
        elif key == "run":
            readers[key] = _run
        elif key.startswith("args.") and all(step.isidentifier() or step.isdecimal() for step in key[5:].split(".")):
            readers[key] = _argument_text(call, key)
        else:
            call.to.refuse(call.node, f"can't narrow by {key!r}", "Use person, agent, run or args.<name>.")
    return lambda c: {key: reader(c) for key, reader in readers.items()}


def _argument_text(call: Call, key: str) -> Callable[[Facts], str]:
    steps = tuple(int(step) if step.isdecimal() else step for step in key[5:].split("."))
    call.to.arguments.add(str(steps[0]))

    def argument(c: Facts) -> str:
        value: Any = c.request.arguments
        for step in steps:
            if type(value) is str:
                raise ConditionFailed("condition.missing", path=key)
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                raise ConditionFailed("condition.missing", path=key) from None
        if value is None:
            raise ConditionFailed("condition.missing", path=key)
        return read.history_text(value, key)

    return argument


def _run(c: Facts) -> str:
    if not c.request.run:
        raise ConditionFailed("condition.missing", path="run")
    return c.request.run


def _counted(c: Facts, tool: str, window: Window, of: Callable[[Facts], dict[str, str]]) -> int:
    value = _ask(lambda: c.history.count(tool=tool, since=window.since(c), of=of(c)))
    if type(value) is not int or value < 0:
        raise ConditionFailed("condition.history_failed", why="the count is not a whole number")
    return value


def _ask(question: Callable[[], Any]) -> Any:
    try:
        return question()
    except ConditionFailed:
        raise
    except Exception as error:
        raise ConditionFailed("condition.history_failed", why=type(error).__name__) from error


FUNCTIONS: dict[str, tuple[Kind, Callable[[Call], Value]]] = {
    "has": ("truth", _has),
    "starts_with": ("truth", _texts(str.startswith, "starts_with")),
    "ends_with": ("truth", _texts(str.endswith, "ends_with")),
    "contains": ("truth", _contains),
    "length": ("number", _length),
    "all": ("truth", _quantifier(True)),
    "any": ("truth", _quantifier(False)),
    "between": ("truth", _between),
    "from_date": ("truth", _dated(True)),
    "before_date": ("truth", _dated(False)),
    "total": ("number", _total),
    "count": ("number", _count),
    "first_seen": ("truth", _first_seen),
    "never_after": ("truth", _never_after),
}
