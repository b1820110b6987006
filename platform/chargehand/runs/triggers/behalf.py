"""A start on behalf of somebody who is not there: by a schedule, a webhook or a message.

Whoever set it up is long gone when it happens, so everything is asked again: may they still sign in, does policy still
let them start this agent, does the input fit the agent of today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import orjson
from sqlalchemy import Connection

from chargehand.agents.catalog import AgentCatalog
from chargehand.agents.forms import check
from chargehand.agents.model import AgentSpec
from chargehand.database import Database
from chargehand.errors import Forbidden, NotFound
from chargehand.identity import store as people
from chargehand.identity.model import SignedIn
from chargehand.runs.service import RunService
from chargehand.runs.starts import Policy, may_manage_hooks, may_start, new_row
from chargehand.runs.store import RunRow
from chargehand.runs.triggers import mapping

How = Literal["schedule", "webhook", "message"]
"""What such a run says of its sign-in: nobody was there."""

JSON_COLUMNS = ("mapping", "arguments")


async def check_principal(db: Database, who: SignedIn, principal: str) -> None:
    """Whether `who` may have something started on behalf of `principal`: themselves, or a service of their tenant.

    Raises:
        Forbidden: it is another person, or an agent: nobody is acted for without having asked for it.
        NotFound: there is no such service.
    """
    if principal == who.principal.id:
        return
    if not principal.startswith("service:"):
        raise Forbidden(
            f"Nothing is started on behalf of {principal} by somebody else.",
            way_out="Leave it out to start on your own behalf, or name a service principal.",
        )
    user = await db.read(lambda connection: people.find_user(connection, who.principal.tenant, principal))
    if user is None or not user.active:
        raise NotFound(f"There is no service {principal!r}.", way_out="An administrator adds it under People.")


async def may_set_up(
    runs: RunService, who: SignedIn, agent: str, principal: str, fields: Mapping[str, str]
) -> AgentSpec:
    """The agent, if `who` may let something outside start it by that mapping on behalf of `principal` now.

    Raises:
        NotFound: no such agent, or no such service principal.
        BadInput: an expression of the mapping can't be used; names the field.
        Forbidden: policy does not let `who`, or the principal is another person.
    """
    spec = runs.agents.find(agent)
    may_manage_hooks(runs.policy, who, {"agent": agent, "principal": principal})
    await check_principal(runs.db, who, principal)
    mapping.check_mapping(fields, spec.input_schema)
    return spec


def only_its_maker(who: SignedIn, row: Mapping[str, Any]) -> None:
    """Raises Forbidden: what acts by the word of one person is changed by nobody else's."""
    if row["made_by"] != who.principal.id:
        raise Forbidden(
            f"{row['id']} was made by {row['made_by']}, who alone may change it.",
            way_out="Stop it, and make one of your own.",
        )


def changed(row: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a change of some columns does, for its record: `before` and `after`, of what differs. Empty: nothing."""
    names = [name for name in columns if columns[name] != row[name]]

    def told(of: Mapping[str, Any]) -> dict[str, Any]:
        return {name: orjson.loads(of[name]) if name in JSON_COLUMNS else of[name] for name in names}

    return {"before": told(row), "after": told(columns)} if names else {}


def input_of(spec: AgentSpec, fields: Mapping[str, str], message: Any) -> dict[str, Any]:
    """What a message from outside makes, checked against the agent's schema. Raises BadInput that names the field."""
    value = mapping.apply(fields, message)
    check(value, spec.input_schema, field="input")
    return value


def row_for(
    connection: Connection,
    agents: AgentCatalog,
    policy: Policy,
    *,
    how: How,
    tenant: str,
    principal: str,
    agent: str,
    value: Mapping[str, Any],
    request_key: str,
) -> RunRow:
    """The row of a run that has not begun; `write_start` writes it.

    Raises:
        Forbidden: the principal can't sign in any more, or policy does not let it start the agent.
        NotFound: there is no such agent any more.
        BadInput: the input does not fit; names the field.
    """
    user = people.find_user(connection, tenant, principal)
    if user is None or not user.active:
        raise Forbidden(f"{principal} can't sign in any more.", way_out="Set it up anew on behalf of somebody else.")
    spec = agents.find(agent)
    check(dict(value), spec.input_schema, field="input")
    may_start(policy, tenant, (principal,), spec, value)
    return new_row(
        spec,
        value,
        tenant=tenant,
        chain=(principal, spec.principal),
        principal=principal,
        signed_in_by=how,
        request_key=request_key,
    )
