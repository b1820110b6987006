"""What the commands of hooks, intakes and schedules have in common: turn one on or off, delete it, and say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from chargehand.cli.client import Api
from chargehand.cli.show import clean, json_out, out, state


class Turned(Protocol):
    """What HTTP shows of any of them."""

    @property
    def id(self) -> str: ...
    @property
    def state(self) -> str: ...


V = TypeVar("V", bound=Turned)


def turn(
    kind: type[V],
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    as_json: bool,
    more: Callable[[V], str] = lambda _: "",
) -> None:
    """POST `path`, and print the state that it has then; `more` says what else is worth a word."""
    with Api() as api:
        found = api.post(kind, path, body)
    if as_json:
        json_out(found)
        return
    out.print(f"{state(found.state)}  {found.id}{more(found)}")


def changed(found: BaseModel, name: str, thing: str, *, as_json: bool) -> None:
    """Print what was made or changed."""
    if as_json:
        json_out(found)
        return
    out.print(f"[green]✓[/] {clean(name)}: {thing}")


def delete(path: str, thing: str, *, as_json: bool) -> None:
    """DELETE `path`/`thing`, and say that it is gone."""
    with Api() as api:
        api.delete(f"{path}/{thing}")
    if as_json:
        json_out({"deleted": thing})
        return
    out.print(f"[green]✓[/] {clean(thing)} is gone.")
