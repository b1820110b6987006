"""From a parsed condition to closures: one method a construct, and nothing else has a meaning."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from chargehand.policy import facts as read
from chargehand.policy.facts import ConditionFailed, Facts, Kind, Test, Value
from chargehand.policy.functions import FUNCTIONS, Call

_NAMES: dict[str, tuple[Kind, Value]] = {
    "effect": ("text", lambda c: c.request.effect),
    "tool": ("text", lambda c: c.request.tool),
    "risk": ("number", lambda c: c.request.risk),
    "weekday": ("text", lambda c: read.WEEKDAYS[c.local.weekday()]),
    "today": ("text", lambda c: c.local.date().isoformat()),
}
_SHORT = {"amount": "amount", "currency": "currency"}
_ROOTS = ("args", "person", "agent", "principal")
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
MAX_NUMBER_LENGTH = 30


class ConditionRefused(ValueError):
    """A condition is outside the language. `detail` says what, `way_out` what to write instead."""

    def __init__(self, detail: str, way_out: str = "") -> None:
        super().__init__(f"{detail}. {way_out}".strip())
        self.detail = detail
        self.way_out = way_out


@dataclass(frozen=True, slots=True)
class Part:
    """A translated sub-expression: what kind it is known to be, how to read it, its text for messages."""

    kind: Kind
    value: Value
    text: str


class Translation:
    """One condition's translation; collects which arguments and whose history it reads, for lint."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.arguments: set[str] = set()
        self.optional: set[str] = set()
        self.numeric: set[str] = set()
        self.history_tools: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.uses_history = False
        self._variables: list[str] = []

    def truth(self, node: ast.expr) -> Test:
        """`node` as a strict test: True or False, else it fails."""
        match node:
            case ast.BoolOp(op=op, values=values):
                tests = tuple(self.truth(value) for value in values)
                return _every(tests) if isinstance(op, ast.And) else _some(tests)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                test = self.truth(operand)
                return lambda c: not test(c)
            case ast.Compare():
                return self._compare(node)
            case ast.Constant(value=bool()):
                return self._refuse(node, "does not depend on the request", "Leave it out.")
            case _:
                part = self.value(node)
                if part.kind in ("number", "text"):
                    self._refuse(node, "is not a question with a yes or no", "Compare it with something.")
                value, text = part.value, part.text
                if part.kind == "truth":
                    return value
                return lambda c: read.truth(value(c), text)

    def value(self, node: ast.expr) -> Part:
        """`node` as a value."""
        shown = self.text(node)
        match node:
            case ast.Constant():
                return self._constant(node, shown)
            case ast.Name(id=name) if name in self._variables:
                index = self._variables.index(name)
                return Part("any", lambda c: c.variables[index], shown)
            case ast.Name(id=name) if name in _SHORT:
                self.arguments.add(_SHORT[name])
                return Part("any", _argument((_SHORT[name],), f"args.{_SHORT[name]}"), f"args.{_SHORT[name]}")
            case ast.Name(id=name) if name in _NAMES:
                kind, reader = _NAMES[name]
                return Part(kind, reader, shown)
            case ast.Attribute() | ast.Subscript():
                return self._path(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                minus = self.number(operand)
                return Part("number", lambda c: read.exact("-", 0, minus(c)), shown)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                a, b, sign = self.number(left), self.number(right), _ARITHMETIC[type(op)]
                return Part("number", lambda c: read.exact(sign, a(c), b(c)), shown)
            case ast.Call():
                return self._call(node)
            case ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return Part("truth", self.truth(node), shown)
            case ast.Name():
                names = ", ".join((*_ROOTS, *_SHORT, *_NAMES))
                return self._refuse(node, "is not a name of the language", f"Known names: {names}.")
            case _:
                return self._refuse(node, f"({type(node).__name__}) is not allowed in a condition")

    def number(self, node: ast.expr) -> Value:
        """`node` as an exact number."""
        part = self.value(node)
        if part.kind in ("text", "truth") and not isinstance(node, ast.Constant):
            self._refuse(node, "is not a number", "Compare it with `==` or `in`.")
        if isinstance(node, ast.Constant):
            if part.kind != "number":
                self._refuse(node, "is not a number", "Write numbers without quotes.")
            return part.value
        self._mark_numeric(node)
        value, text = part.value, part.text
        return lambda c: read.number(value(c), text)

    def text(self, node: ast.AST) -> str:
        """The piece of source that `node` is."""
        return ast.get_source_segment(self.source, node) or "it"

    def literal(self, node: ast.expr, what: str) -> str:
        """A text literal."""
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            self._refuse(node, f"must be a text literal ({what})")
        return node.value

    def path(self, node: ast.expr) -> tuple[str, tuple[str | int, ...]]:
        """`args.customer["id"][0]` as ("args", ("customer", "id", 0))."""
        steps: list[str | int] = []
        while True:
            match node:
                case ast.Attribute(value=inner, attr=name):
                    if name.startswith("_"):
                        self._refuse(node, "starts with an underscore")
                    steps.append(name)
                case ast.Subscript(value=inner, slice=ast.Constant(value=str() | int() as key)) if (
                    type(key) is not bool
                ):
                    steps.append(key)
                case ast.Name(id=root) if root in _ROOTS or root in self._variables:
                    steps.reverse()
                    return root, tuple(steps)
                case ast.Name(id=root) if root in _SHORT and not steps:
                    return "args", (_SHORT[root],)
                case _:
                    self._refuse(node, "is not a path", f"A path starts with {', '.join(_ROOTS)}.")
            node = inner

    def variable(self, name: str) -> None:
        """Name the loop variable of `all` or `any`."""
        if name in _ROOTS or name in _SHORT or name in _NAMES or name in self._variables:
            raise ConditionRefused(f"`{name}` already has a meaning", "Use another name in `for`.")
        self._variables.append(name)

    def end_variable(self) -> None:
        self._variables.pop()

    def _refuse(self, node: ast.AST, detail: str, way_out: str = "See docs/policy.md, Conditions.") -> NoReturn:
        raise ConditionRefused(f"`{self.text(node)[:60]}` {detail}", way_out)

    refuse = _refuse

    def _constant(self, node: ast.Constant, shown: str) -> Part:
        constant = node.value
        if isinstance(constant, bool):
            return Part("truth", lambda _: constant, shown)
        if isinstance(constant, str):
            return Part("text", lambda _: constant, shown)
        if isinstance(constant, int | float) and len(shown) <= MAX_NUMBER_LENGTH and _plain(shown):
            # From the source text, so that 0.1 is a tenth and not its nearest binary fraction.
            exact = Decimal(shown.replace("_", ""))
            return Part("number", lambda _: exact, shown)
        return self._refuse(node, "is not a plain decimal number, text, True or False")

    def _compare(self, node: ast.Compare) -> Test:
        operands = [node.left, *node.comparators]
        tests = tuple(self._pair(a, op, b) for a, op, b in zip(operands, node.ops, operands[1:], strict=False))
        return tests[0] if len(tests) == 1 else _every(tests)

    def _pair(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Test:
        if type(op) in _ORDER:
            a, b, order = self.number(left), self.number(right), _ORDER[type(op)]
            return lambda c: order(a(c), b(c))
        if isinstance(op, ast.Eq | ast.NotEq):
            test = self._equal(left, right)
            return test if isinstance(op, ast.Eq) else lambda c: not test(c)
        if isinstance(op, ast.In | ast.NotIn):
            test = self._member(left, right)
            return test if isinstance(op, ast.In) else lambda c: not test(c)
        return self._refuse(left, "is compared with `is`", "Write `==`.")

    def _equal(self, left: ast.expr, right: ast.expr) -> Test:
        a, b = self.value(left), self.value(right)
        kinds = {a.kind, b.kind} - {"any"}
        if len(kinds) > 1:
            self._refuse(left, f"can't equal {b.text[:40]}: they are of different kinds")
        if "number" in kinds:
            x, y = self.number(left), self.number(right)
            return lambda c: x(c) == y(c)
        first, second, path, other = a.value, b.value, a.text, b.text
        return lambda c: read.same(first(c), second(c), path, other)

    def _member(self, left: ast.expr, right: ast.expr) -> Test:
        if not isinstance(right, ast.Tuple | ast.List | ast.Set) or not right.elts:
            self._refuse(right, "is not a list of literals", "For a list in the arguments write contains(list, item).")
        if not all(isinstance(item, ast.Constant) for item in right.elts):
            self._refuse(right, "is not a list of literals")
        return _some(tuple(self._equal(left, item) for item in right.elts))

    def _path(self, node: ast.expr) -> Part:
        root, steps = self.path(node)
        shown = self.text(node)
        if not steps:
            self._refuse(node, "is not a value", "Name one of its fields.")
        if root == "args":
            if isinstance(steps[0], str):
                self.arguments.add(steps[0])
            return Part("any", _argument(steps, shown), shown)
        if root in self._variables:
            index = self._variables.index(root)
            return Part("any", lambda c: _walk(c.variables[index], steps, shown), shown)
        if steps == ("id",):
            return Part("text", lambda c: c.acting(root), shown)
        self.attributes.add((root, str(steps[0])))
        return Part("any", lambda c: _walk(c.attributes(root), steps, shown), shown)

    def _mark_numeric(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name) and node.id in _SHORT:
            self.numeric.add(_SHORT[node.id])
        elif isinstance(node, ast.Attribute | ast.Subscript):
            root, steps = self.path(node)
            if root == "args" and len(steps) == 1 and isinstance(steps[0], str):
                self.numeric.add(steps[0])

    def _call(self, node: ast.Call) -> Part:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            self._refuse(node.func, "is not a function of the language", f"Known: {', '.join(sorted(FUNCTIONS))}.")
        kind, build = FUNCTIONS[node.func.id]
        return Part(kind, build(Call(self, node)), self.text(node))


def _argument(steps: tuple[str | int, ...], shown: str) -> Value:
    if len(steps) == 1:
        name = steps[0]

        def one(c: Facts) -> Any:
            try:
                value = c.request.arguments[name]  # pyright: ignore[reportArgumentType]  # an index misses, as it should
            except KeyError:
                raise ConditionFailed("condition.missing", path=shown) from None
            if value is None:
                raise ConditionFailed("condition.missing", path=shown)
            return value

        return one
    return lambda c: _walk(c.request.arguments, steps, shown)


def _walk(value: Any, steps: tuple[str | int, ...], shown: str) -> Any:
    for step in steps:
        # Text has no parts here: "abc"[0] would read as an answer.
        if type(value) is str:
            raise ConditionFailed("condition.missing", path=shown)
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            raise ConditionFailed("condition.missing", path=shown) from None
    if value is None:
        raise ConditionFailed("condition.missing", path=shown)
    return value


walk = _walk


def _every(tests: tuple[Test, ...]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda c: first(c) and second(c)

    def every(c: Facts) -> bool:
        for test in tests:  # noqa: SIM110  # a generator costs twice as much here
            if not test(c):
                return False
        return True

    return every


def _some(tests: tuple[Test, ...]) -> Test:
    def some(c: Facts) -> bool:
        for test in tests:  # noqa: SIM110  # as above
            if test(c):
                return True
        return False

    return some


def _plain(shown: str) -> bool:
    return all(character in "0123456789._" for character in shown) and shown.isascii()
