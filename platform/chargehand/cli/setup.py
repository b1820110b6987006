"""`chargehand setup`: what an installation needs before its first process starts. Safe to repeat."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from chargehand import migrations
from chargehand.agents.catalog import discover_agents
from chargehand.agents.known import known_tools
from chargehand.api.abilities import PolicyAbilities
from chargehand.api.sign_ins import record_sign_in
from chargehand.audit.log import initialise
from chargehand.cli.failure import USAGE, CommandFailed
from chargehand.cli.show import Json, clean, json_out, out
from chargehand.connectors.registry import load_connectors
from chargehand.database import Database
from chargehand.errors import RuntimeUnavailable
from chargehand.identity.model import Principal, SignedIn
from chargehand.identity.service import Identity
from chargehand.policy.service import PolicyService
from chargehand.runs.client import connect
from chargehand.settings import Settings, load

TEMPORAL_WAIT_SECONDS = 5.0


def setup(
    admin: Annotated[str, typer.Option(help="Sign-in name of the first person; only while there is none.")] = "",
    name: Annotated[str, typer.Option(help="That person's full name.")] = "",
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the database to this release, check policies and Temporal, and add the first person.

    Run it before the first start and with each upgrade, once, with the settings of the gateway worker.
    """
    settings = load()
    told: dict[str, object] = {}

    def say(what: str, found: str) -> None:
        told[what] = found
        if not as_json:
            out.print(f"[green]✓[/] {what:<10} {clean(found)}")

    database = Database(settings.database)
    try:
        migrations.upgrade(database)
        initialise(database)
        say("database", database.engine.url.render_as_string(hide_password=True))
        policy = _policy(settings)
        say("policies", f"{settings.policies}, revision {policy.revision(settings.tenant)[:12]}")
        say("temporal", _temporal(settings))
        say("people", asyncio.run(_people(database, policy, settings, admin, name, stdin=password_stdin)))
    finally:
        database.close()
    if as_json:
        json_out(told)


def _policy(settings: Settings) -> PolicyService:
    connectors = load_connectors(settings.policies)
    return PolicyService.from_folder(settings.policies, known_tools(connectors, discover_agents().values()))


def _temporal(settings: Settings) -> str:
    try:
        asyncio.run(connect(settings, wait_seconds=TEMPORAL_WAIT_SECONDS))
    except RuntimeUnavailable as error:
        raise CommandFailed(str(error), way_out=error.way_out) from None
    return f"{settings.temporal_address}, namespace {settings.temporal_namespace}"


async def _people(
    database: Database, policy: PolicyService, settings: Settings, admin: str, name: str, *, stdin: bool
) -> str:
    tenant = settings.tenant
    identity = Identity(database, record_sign_in)
    known = [user for user in await identity.people(tenant) if user.principal.kind == "person"]
    if known:
        if admin:
            raise CommandFailed(
                f"There are {len(known)} people in the tenant {tenant} already.",
                code=USAGE,
                way_out="Sign in as one who may manage people, and add others there.",
            )
        return f"{len(known)} in the tenant {tenant}"
    if not admin:
        raise CommandFailed(
            f"Nobody can sign in to the tenant {tenant} yet.",
            code=USAGE,
            way_out="Name the first person: chargehand setup --admin LOGIN --name 'Full Name'.",
        )
    person = Principal(tenant, f"person:{admin}", name or admin)
    if "manage_people" not in PolicyAbilities(policy).of(person):
        raise CommandFailed(
            f"The policies let {person.id} manage nobody, so nobody could add the others.",
            code=USAGE,
            way_out=f"Give {person.id} an administrator's role in {settings.policies / tenant / 'roles.yaml'}.",
        )
    if stdin:
        password = typer.get_text_stream("stdin").readline().rstrip("\n")
    else:
        password = typer.prompt(f"Password for {admin}", hide_input=True, confirmation_prompt=True, err=True)
    by = SignedIn(Principal(tenant, "service:setup", "Set-up", "service"), "local")
    user = await identity.add_person(by, admin, person.name, password)
    return f"{user.principal.id} may sign in to the tenant {tenant}"
