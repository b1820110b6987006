"""`chargehand people`: who can sign in, and what the policy's conditions may read of them."""

from __future__ import annotations

from typing import Annotated

import typer

from chargehand.cli.client import Api
from chargehand.cli.failure import NOT_DONE, USAGE, CommandFailed
from chargehand.cli.show import Json, clean, facts, json_out, out, table, when
from chargehand.identity.views import Person

app = typer.Typer(no_args_is_help=True, help="Who can sign in, and what policy reads of them.")

Who = Annotated[str, typer.Argument(help="Person or service, e.g. person:amy; `people list` has them.")]


@app.command("list")
def list_people(as_json: Json = False) -> None:
    """People and services with their roles and attributes."""
    found = _people()
    if as_json:
        json_out(found)
        return
    rows = [
        (
            clean(one.principal),
            clean(one.name),
            clean(", ".join(one.roles)),
            _said(one.attributes),
            "yes" if one.active else "[red]shut out[/]",
        )
        for one in found
    ]
    table(("Who", "Name", "Roles", "Attributes", "May sign in"), rows, empty="Nobody can sign in.")


@app.command("show")
def show(who: Who, as_json: Json = False) -> None:
    """One person or service."""
    found = next((one for one in _people() if one.principal == who), None)
    if found is None:
        raise CommandFailed(f"There is no {who} here.", code=NOT_DONE, way_out="`chargehand people list`")
    if as_json:
        json_out(found)
        return
    _show(found)


@app.command("set")
def set_attributes(
    who: Who,
    pairs: Annotated[list[str], typer.Argument(help="name=value; `name=` takes it away.")],
    as_json: Json = False,
) -> None:
    """Set attributes. Policy declares which there are; the next decision sees the new ones."""
    changes: dict[str, str | None] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or name in changes:
            raise CommandFailed(
                f"{pair!r} is not one name=value.", code=USAGE, way_out="e.g. department=finance, or department="
            )
        changes[name] = value or None
    with Api() as api:
        found = api.patch(Person, f"/people/{who}/attributes", {"attributes": changes})
    if as_json:
        json_out(found)
        return
    _show(found)


def _people() -> list[Person]:
    with Api() as api:
        return api.get(list[Person], "/people")


def _said(attributes: dict[str, str]) -> str:
    return clean(", ".join(f"{name}={value}" for name, value in sorted(attributes.items())))


def _show(found: Person) -> None:
    out.print(f"[bold]{clean(found.name)}[/] [dim]{clean(found.principal)}[/]")
    facts(
        [
            ("Roles", clean(", ".join(found.roles))),
            *((clean(name), clean(value)) for name, value in sorted(found.attributes.items())),
            ("Signed in", when(found.last_sign_in_at)),
            ("Shut out", "" if found.active else "yes"),
        ]
    )
