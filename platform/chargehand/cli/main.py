"""The command line: what there is, and how it fails."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import typer

from chargehand.cli.failure import NOT_DONE, CommandFailed, from_error
from chargehand.cli.show import clean, err, json_out
from chargehand.errors import ChargehandError

INTERRUPTED = 130

EPILOG = """
Exit codes: 0 done; 1 not done or denied; 2 usage or bad input; 3 unavailable, try again; 4 verification failed.
Every command takes --json. Start with: chargehand dev, then chargehand login.
"""

# Command, module, attribute; in the order in which a newcomer meets them.
COMMANDS = (
    ("init", "chargehand.cli.init", "init"),
    ("dev", "chargehand.cli.dev", "dev"),
    ("login", "chargehand.cli.session", "login"),
    ("logout", "chargehand.cli.session", "logout"),
    ("whoami", "chargehand.cli.session", "whoami"),
    ("verify", "chargehand.cli.verify", "verify"),
    ("setup", "chargehand.cli.setup", "setup"),
)
GROUPS = (
    ("run", "chargehand.cli.run", "app"),
    ("schedule", "chargehand.cli.schedule", "app"),
    ("hook", "chargehand.cli.hook", "app"),
    ("intake", "chargehand.cli.intake", "app"),
    ("release", "chargehand.cli.release", "app"),
    ("approvals", "chargehand.cli.approvals", "app"),
    ("log", "chargehand.cli.log", "app"),
    ("agents", "chargehand.cli.agents", "app"),
    ("connectors", "chargehand.cli.connectors", "app"),
    ("policy", "chargehand.cli.policy", "app"),
    ("people", "chargehand.cli.people", "app"),
    ("freeze", "chargehand.cli.freeze", "app"),
    ("token", "chargehand.cli.session", "tokens"),
    ("serve", "chargehand.cli.serve", "app"),
)


def build(only: str = "") -> typer.Typer:
    """The command line; with `only` just that command or group, so that the others need not be loaded."""
    app = typer.Typer(
        name="chargehand",
        help="Digital employees that a company can trust with its real systems.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(lambda: None)  # one command alone would become the whole program
    for name, module, attribute in COMMANDS:
        if only in ("", name):
            app.command(name)(getattr(importlib.import_module(module), attribute))
    for name, module, attribute in GROUPS:
        if only in ("", name):
            app.add_typer(getattr(importlib.import_module(module), attribute), name=name)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; whatever happens, a person gets a line and no traceback."""
    known = {name for name, _, _ in (*COMMANDS, *GROUPS)}
    only = arguments[0] if arguments and arguments[0] in known else ""
    try:
        return build(only)(list(arguments), standalone_mode=True) or 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else NOT_DONE
    except CommandFailed as failure:
        return _fail(failure, arguments)
    except ChargehandError as error:
        return _fail(from_error(error), arguments)
    except KeyboardInterrupt:
        err.print("\n[dim]Stopped watching. What was started goes on.[/]")
        return INTERRUPTED


def _fail(failure: CommandFailed, arguments: Sequence[str]) -> int:
    if "--json" in arguments:
        json_out(failure.problem())
    detail = failure.detail if failure.detail.endswith((".", "!", "?")) else f"{failure.detail}."
    err.print(f"[bold red]✗[/] {clean(detail)}" + (f" {clean(failure.way_out)}" if failure.way_out else ""))
    if failure.error_id:
        err.print(f"[dim]The API's log says more under {clean(failure.error_id)}.[/]")
    return failure.code


def main() -> None:
    """The `chargehand` command."""
    code = run(sys.argv[1:])
    if "temporalio.bridge.temporal_sdk_bridge" in sys.modules:  # the interpreter sometimes aborts while it unloads it
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
