"""A start on behalf of somebody who is not there: by a schedule, a webhook or a message.

Whoever set it up is long gone when it happens, so everything is asked again: may they still sign in, does policy still
let them start this agent, does the input fit the agent of today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import Connection

from chargehand.agents.catalog import AgentCatalog
from chargehand.agents.forms import check
from chargehand.errors import Forbidden
from chargehand.identity import store as people
from chargehand.runs.starts import Policy, may_start, new_row
from chargehand.runs.store import RunRow

How = Literal["schedule", "webhook", "message"]
"""What such a run says of its sign-in: nobody was there."""


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
