"""Where the command line keeps its token: one file a user, readable by that user alone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import typer

from chargehand.cli.failure import USAGE, CommandFailed
from chargehand.settings import settings

FILE = "login.json"
PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Login:
    url: str
    principal: str
    token_id: str
    token: str


def folder() -> Path:
    return settings().config_dir or Path(typer.get_app_dir("chargehand"))


def store(login: Login) -> Path:
    """Write the file, with mode 0600 from its first byte; returns where it is."""
    place = folder()
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = place / FILE
    draft = place / f"{FILE}.new"
    draft.unlink(missing_ok=True)
    content = {"url": login.url, "principal": login.principal, "token_id": login.token_id, "token": login.token}
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE), "w") as out:
        json.dump(content, out)
    draft.replace(file)
    return file


def load() -> Login | None:
    """The stored login, if there is one. Raises CommandFailed if others could read it."""
    file = folder() / FILE
    if not file.exists():
        return None
    if file.stat().st_mode & 0o077:
        raise CommandFailed(
            f"{file} can be read by other users, so its token may be known.",
            code=USAGE,
            way_out=f"Revoke it, then: chmod 600 {file}, or `chargehand login` again.",
        )
    try:
        found = json.loads(file.read_text())
        return Login(found["url"], found["principal"], found["token_id"], found["token"])
    except (ValueError, KeyError, TypeError):
        raise CommandFailed(f"{file} can't be read.", code=USAGE, way_out="`chargehand login` again.") from None


def forget() -> None:
    (folder() / FILE).unlink(missing_ok=True)
