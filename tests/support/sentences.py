"""What the server says to people, read from its source: the sentences of its errors and the events of its records.

A sentence is a template: `{}` stands for each value that is filled in.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path

import chargehand.errors

PLATFORM = Path(__file__).parents[2] / "platform" / "chargehand"
KINDS = {
    name
    for name, kind in vars(chargehand.errors).items()
    if isinstance(kind, type) and issubclass(kind, chargehand.errors.ChargehandError)
}


class Computed(Exception):
    """Not written where it is raised."""


def files(rooms: tuple[str, ...]) -> Iterator[Path]:
    for room in rooms:
        path = PLATFORM / room
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def sentences(path: Path, extra: tuple[str, ...] = ()) -> tuple[set[str], set[str]]:
    """The templates in a file, and the source of what is computed elsewhere.

    `extra`: functions that return sentences, and variables that hold them.
    """
    tree = ast.parse(path.read_text("utf-8"))
    names: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                names.setdefault(name, []).append(value)
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                names.setdefault(name, []).append(value)
            case _:
                pass
    found, computed = set[str](), set[str]()
    for node in _said(tree, extra):
        try:
            texts = _texts(node, names)
        except Computed:
            computed.add(ast.unparse(node))
            continue
        found |= {text for text in texts if text.strip("{} ")} | set(_parts(node, names))
    return found, computed


def _parts(node: ast.expr, names: dict[str, list[ast.expr]]) -> Iterator[str]:
    """Texts of several words that are filled into a sentence by a variable."""
    spelled = names.get(node.id, []) if isinstance(node, ast.Name) else [node]
    for each in (inner for one in spelled for inner in ast.walk(one)):
        if isinstance(each, ast.FormattedValue) and isinstance(each.value, ast.Name):
            with suppress(Computed):
                yield from (text.strip() for text in _texts(each.value, names) if " " in text.strip())


def _said(tree: ast.Module, extra: tuple[str, ...]) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[detail, *_], keywords=keywords) if name in KINDS:
                yield detail
                yield from (each.value for each in keywords if each.arg == "way_out")
            case ast.Call(func=ast.Name(id="Failure"), keywords=keywords):
                yield from (each.value for each in keywords if each.arg in ("detail", "way_out"))
            case ast.Call(func=ast.Name(id="Eligibility"), args=[_, why, *_]):
                yield why
            case ast.Call(func=ast.Name(id="_denied" | "_alert"), args=[_, _, sentence, *_]):
                yield sentence
            case ast.Call(func=ast.Name(id="_bad") | ast.Attribute(attr="_error"), args=[*_, detail, way_out]):
                yield from (detail, way_out)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in extra:
                yield value
            case ast.FunctionDef(name=name) if name in extra:
                yield from (
                    inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return) and inner.value is not None
                )
            case _:
                pass


def _texts(node: ast.expr, names: dict[str, list[ast.expr]]) -> list[str]:
    """Every text that the expression can be. Raises Computed."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            choices = [[str(part.value)] if isinstance(part, ast.Constant) else ["{}"] for part in parts]
            return ["".join(chosen) for chosen in product(*choices)]
        case ast.BinOp(left=left, right=right):
            return [a + b for a, b in product(_texts(left, names), _texts(right, names))]
        case ast.BoolOp(values=values):
            return _any(values, names)
        case ast.IfExp(body=body, orelse=orelse):
            return [*_texts(body, names), *_texts(orelse, names)]
        case ast.Call(func=ast.Attribute(value=value, attr="strip")):
            return _texts(value, names)
        case ast.Name(id=name) if name in names:
            return _any(names[name], names)
        case _:
            raise Computed


def _any(values: list[ast.expr], names: dict[str, list[ast.expr]]) -> list[str]:
    """What those of the values say that are written here. Raises Computed: none is."""
    found: list[str] = []
    for value in values:
        with suppress(Computed):
            found += _texts(value, names)
    if not found:
        raise Computed
    return found


def events(path: Path, helpers: tuple[str, ...]) -> set[str]:
    """Events of records: below the key `event`, in variables of that name, and as words given to `helpers`."""
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Dict(keys=keys, values=values):
                named = zip(keys, values, strict=True)
                found |= {word for key, value in named if _word(key) == "event" for word in _words(value)}
            case ast.Assign(targets=[ast.Name(id="event")], value=value):
                found |= set(_words(value))
            case ast.Call(func=ast.Name(id=name), args=args) if name in helpers:
                found |= {word for value in args for word in _words(value)}
            case _:
                pass
    return found


def _word(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _words(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from (*_words(node.body), *_words(node.orelse))
    elif word := _word(node):
        yield word
