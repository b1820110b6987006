"""What a process that keeps the log runs beside its work: the integrator, and a stream to the SIEM if one is set."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from sqlalchemy import select

from chargehand.audit.format import BadNote
from chargehand.audit.integrator import Integrator, rest
from chargehand.audit.siem import Receiver, SiemStream, receiver
from chargehand.audit.store import HeadRow, table
from chargehand.audit.witnesses import Witness
from chargehand.database import Database
from chargehand.errors import BadSettings, ChargehandError
from chargehand.settings import Settings

_log = logging.getLogger("chargehand.audit")

INTERVAL_SECONDS = 1.0


async def keep(db: Database, given: Settings, stop: asyncio.Event) -> None:
    """Sign, have cosigned and stream every tenant's log about once a second, until `stop`.

    Safe to run in several processes: one at a time holds the role.

    Raises:
        BadSettings: a witness or the SIEM's address can't be read.
        AuditUnavailable: the signing key can't be used.
    """
    integrator = Integrator(db, given.state_dir, witnesses=_witnesses(given.witnesses))
    token = given.siem_token.get_secret_value() if given.siem_token else ""
    to = receiver(given.siem_url, token) if given.siem_url else None
    try:
        while not stop.is_set():
            began = time.monotonic()
            await asyncio.to_thread(_once, db, given.state_dir, integrator, to)
            try:
                await asyncio.wait_for(stop.wait(), rest(began, INTERVAL_SECONDS))
            except TimeoutError:
                continue
    finally:
        integrator.close()
        if to is not None:
            to.close()


def _once(db: Database, state_dir: Path, integrator: Integrator, to: Receiver | None) -> None:
    try:
        if integrator.tick() and to is not None:
            for tenant in db.read_now(lambda c: list(c.execute(select(table(HeadRow).c.tenant)).scalars())):
                SiemStream(db, state_dir, tenant, to).send_pending()
    except (ChargehandError, OSError, BadNote) as error:  # the next round tries again; appends go on meanwhile
        _log.error("The action log could not be kept: %s", error)


def _witnesses(given: str) -> list[Witness]:
    try:
        return [Witness.parse(one) for one in given.split(";") if one.strip()]
    except BadNote as error:
        raise BadSettings(
            str(error), field="CHARGEHAND_WITNESSES", value=given, way_out="Write `URL KEY`, several separated by `;`."
        ) from None
