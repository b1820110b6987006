"""What a run still asks of people when it ends is withdrawn: nobody decides about what can't happen any more."""

from __future__ import annotations

from chargehand import clock
from chargehand.approvals import requests
from chargehand.approvals import store as approvals
from chargehand.audit.model import Who
from chargehand.database import Transaction
from chargehand.gateway import store
from chargehand.gateway.settle import finish
from chargehand.outcome import Failure

MOST = 10_000


def withdraw(tx: Transaction, tenant: str, run: str, reason: str) -> None:
    """End its calls that wait for an approval, of which nothing was sent, and close the requests."""
    at = clock.now()
    for known in store.list_calls(tx.connection, tenant, run=run, states=("waiting",), limit=MOST):
        request = approvals.get_request(tx.connection, tenant, known.approval, for_update=True)
        if request is not None and request.state == "pending":
            who = Who(principal="service:chargehand")
            requests.close(tx, request, "withdrawn", at, who=who, comment=reason)
        failure = Failure(kind="people", detail=f"{reason} Nothing was sent.")
        finish(tx, known, "rejected", failure=failure, states=("waiting",))
