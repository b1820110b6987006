"""`login`, `logout`, `whoami` and `token`: who the command line acts as."""

from __future__ import annotations

from typing import Annotated

import typer

from chargehand.cli import credentials
from chargehand.cli.client import Api, base_url
from chargehand.cli.failure import CommandFailed
from chargehand.cli.show import Json, clean, err, facts, json_out, out, table, when
from chargehand.identity.views import CreatedToken, Me, Token

TOKEN_DAYS = 30

tokens = typer.Typer(no_args_is_help=True, help="API tokens: act as you, narrowed and expiring.")


def login(
    name: Annotated[str, typer.Argument(help="Sign-in name, e.g. amy. Asked for if left out.")] = "",
    url: Annotated[str, typer.Option(help="Where Chargehand is; default: this machine.")] = "",
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
    days: Annotated[int, typer.Option(min=1, max=366, help="Days until you must sign in again.")] = TOKEN_DAYS,
    as_json: Json = False,
) -> None:
    """Sign in. Keeps a token (not the password) in a file that only you can read."""
    name = name or typer.prompt("Name", err=True)
    if password_stdin:
        password = typer.get_text_stream("stdin").readline().rstrip("\n")
    else:
        password = typer.prompt("Password", hide_input=True, err=True)
    with Api(url=(url or base_url()).rstrip("/"), token="") as api:
        me = api.post(Me, "/session", {"name": name, "password": password})
        made = api.post(CreatedToken, "/tokens", {"name": "chargehand command line", "days": days})
        api.delete("/session")
        old = credentials.load()
        file = credentials.store(credentials.Login(api.url, me.principal, made.id, made.secret))
    if old is not None and old.url == (url or base_url()) and old.principal == me.principal:
        _revoke(old.token_id)
    if as_json:
        json_out({"principal": me.principal, "tenant": me.tenant, "url": api.url, "expires_at": made.expires_at})
        return
    out.print(f"[green]✓[/] Signed in as [bold]{clean(me.name)}[/] ({clean(me.principal)}) at {clean(api.url)}.")
    err.print(f"[dim]The token is in {clean(file)} until {when(made.expires_at)}.[/]")


def logout() -> None:
    """Revoke the stored token and forget it."""
    login = credentials.load()
    if login is None:
        err.print("You are not signed in.")
        return
    _revoke(login.token_id)
    credentials.forget()
    out.print("[green]✓[/] Signed out.")


def whoami(as_json: Json = False) -> None:
    """Who you are here, your roles, and what you may do."""
    with Api() as api:
        me = api.get(Me, "/session")
    if as_json:
        json_out(me)
        return
    facts(
        [
            ("Name", f"[bold]{clean(me.name)}[/]  [dim]{clean(me.principal)}[/]"),
            ("Tenant", clean(me.tenant)),
            ("Roles", clean(", ".join(me.roles) or "none")),
            ("You may", clean(", ".join(ability.replace("_", " ") for ability in me.abilities) or "nothing more")),
        ]
    )


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="What it is for, e.g. 'nightly export'.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="Days until it expires.")] = 30,
    ability: Annotated[list[str] | None, typer.Option(help="Narrow it to this ability; repeat for more.")] = None,
    tool: Annotated[list[str] | None, typer.Option(help="Narrow MCP use to this tool or pattern; repeat.")] = None,
    as_json: Json = False,
) -> None:
    """Make a token. Its secret is printed once, on standard output."""
    body = {"name": name, "days": days, "abilities": ability or None, "tools": tool or None}
    with Api() as api:
        made = api.post(CreatedToken, "/tokens", body)
    if as_json:
        json_out(made)
        return
    err.print(f"[green]✓[/] {clean(made.id)} is valid until {when(made.expires_at)}. Keep it; it is not shown again:")
    out.print(clean(made.secret))


@tokens.command("list")
def list_tokens(as_json: Json = False) -> None:
    """Your tokens, without their secrets."""
    with Api() as api:
        found = api.get(list[Token], "/tokens")
    if as_json:
        json_out(found)
        return
    rows = [
        (clean(t.id), clean(t.name), when(t.expires_at), when(t.last_used_at), clean(", ".join(t.abilities or ["all"])))
        for t in found
    ]
    table(("Id", "Name", "Expires", "Last used", "Abilities"), rows, empty="You have no tokens.")


@tokens.command("revoke")
def revoke_token(token: Annotated[str, typer.Argument(help="Id, e.g. tok_01…")]) -> None:
    """Revoke a token at once."""
    with Api() as api:
        api.delete(f"/tokens/{token}")
    out.print(f"[green]✓[/] {clean(token)} opens nothing any more.")


def _revoke(token: str) -> None:
    try:
        with Api() as api:
            api.delete(f"/tokens/{token}")
    except CommandFailed:
        return  # expired or unreachable: it ends by itself
