"""After a success, the effect is read back by key where the system allows it, and what was found is recorded."""

from __future__ import annotations

import logging
from dataclasses import replace

from chargehand import clock
from chargehand.database import Database, Transaction
from chargehand.errors import ChargehandError
from chargehand.gateway import log, store
from chargehand.gateway.desk import Case, Desk
from chargehand.gateway.dispatch import look_up

logger = logging.getLogger("chargehand.gateway")


async def read_back(db: Database, desk: Desk, case: Case) -> None:
    """Ask the system for the effect of a call that it said is done. A finding never changes the outcome."""
    answer = await look_up(desk, replace(case, look_up=True, deadline=clock.now() + desk.call_time))

    def unit(tx: Transaction) -> None:
        known = store.get(tx.connection, case.call.tenant, case.call.key)
        if known is None:
            return
        store.change(tx.connection, known.tenant, known.key, {"finding": answer.kind}, states=("done",))
        detail = {"found": answer.value, "why": answer.detail}
        personal = log.said_of(case.pin, case.arguments, "detail.found")
        log.of_stored(tx, known, "lookup", outcome=answer.kind, detail=detail, personal=personal)

    try:
        await db.write(unit)
    except ChargehandError as error:
        logger.warning("the effect of %s was read back (%s), but not recorded: %s", case.call.key, answer.kind, error)
