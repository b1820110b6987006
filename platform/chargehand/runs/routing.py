"""Which release new runs begin on is in the action log, whoever changes it: our command, a worker, Temporal's tools.

Temporal counts each change; every gateway worker looks, and the one that is first to write the next number writes the
record, in the same transaction. What changed while nobody looked is one record: it says how many changes it covers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from temporalio.api.deployment.v1 import WorkerDeploymentInfo

from chargehand import clock, ids
from chargehand.audit import log
from chargehand.audit.model import Record, Who
from chargehand.database import Database, Transaction
from chargehand.runs.client import Connect
from chargehand.runs.releases import DEPLOYMENT, describe
from chargehand.runs.routing_store import Known, move

RECORDER = "service:chargehand"
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Routing:
    """New runs begin on `current`, so many of a hundred on `ramping`; empty names: on none.

    `number` is Temporal's count of changes since `born`, when the first worker of a release came up.
    """

    current: str = ""
    ramping: str = ""
    share: float = 0.0
    number: int = 0
    born: str = ""

    @property
    def position(self) -> str:
        """Sorts as the changes happened."""
        return f"{self.born} {self.number:020d}"


class RoutingWatch:
    """Owned by a gateway worker. `tenant`: in whose log the installation's own acts stand."""

    def __init__(self, db: Database, client: Connect, tenant: str) -> None:
        self._db = db
        self._client = client
        self._tenant = tenant
        self._seen = ""

    async def look(self) -> int:
        """Record what has changed; how many records.

        Raises RuntimeUnavailable, DatabaseUnavailable, AuditUnavailable: it is looked at again, and recorded then.
        """
        client = await self._client()
        info = await describe(client, patience=0)
        if info is None:
            return 0
        now = _routing(info)
        if now.position == self._seen or not now.number:
            return 0
        place = f"{client.namespace}/{DEPLOYMENT}"
        by, at = info.last_modifier_identity or NOBODY, _changed_at(info)

        def unit(tx: Transaction) -> int:
            known = move(tx, self._tenant, place, now.position, orjson.dumps(asdict(now)).decode())
            if known is None:
                return 0
            log.append(tx, self._record(_before(known), now, by, at))
            return 1

        written = await self._db.write(unit)
        self._seen = now.position
        return written

    def _record(self, before: Routing, now: Routing, by: str, at: datetime) -> Record:
        what, sentence = told(before, now, by)
        changes = now.number - before.number if now.born == before.born else now.number
        return Record(
            id=ids.new_id("rec"),
            at=clock.iso(clock.now()),
            tenant=self._tenant,
            kind="release_change",
            who=Who(principal=RECORDER),
            detail={
                "event": what,
                "sentence": sentence,
                "message_id": f"release.{what}",
                "parameters": {
                    "current": now.current,
                    "ramping": now.ramping,
                    "share": f"{now.share:g}",
                    "before": before.current,
                    "by": by,
                },
                "before": _told(before),
                "after": _told(now),
                "changed_at": clock.iso(at),
                "changed_by": by,  # as Temporal was told: a claim, nobody checked it
                "changes": changes,
            },
        )


def told(before: Routing, now: Routing, by: str) -> tuple[str, str]:
    """What happened, by its name and in a sentence."""
    if now.current != before.current and now.current:
        ramps = f"; {now.share:g} % of them on {now.ramping}" if now.ramping else ""
        instead = f", not on {before.current} any more" if before.current else ""
        return "current", f"New runs begin on the release {now.current}{instead}{ramps}. Changed by {by}."
    if now.ramping and (now.ramping, now.share) != (before.ramping, before.share):
        rest = f", the others on {now.current}" if now.current else ""
        return "ramp", f"{now.share:g} % of the new runs begin on the release {now.ramping}{rest}. Changed by {by}."
    if before.ramping and not now.ramping:
        return "ramp_ended", f"No new runs begin on the release {before.ramping} any more. Changed by {by}."
    if before.current and not now.current:
        return "none", f"New runs begin on no release any more, before on {before.current}. Changed by {by}."
    return "same", f"The routing of new runs was changed, and is again as it was. Changed by {by}."


def _told(one: Routing) -> dict[str, Any]:
    return {"current": one.current, "ramping": one.ramping, "share": f"{one.share:g}"}


def _before(known: Known) -> Routing:
    return Routing(**orjson.loads(known.routing)) if known.routing else Routing()


def _routing(info: WorkerDeploymentInfo) -> Routing:
    config = info.routing_config
    ramping = config.ramping_deployment_version.build_id
    return Routing(
        current=config.current_deployment_version.build_id,
        ramping=ramping,
        share=round(config.ramping_version_percentage, 4) if ramping else 0.0,
        number=config.revision_number,
        born=clock.iso(info.create_time.ToDatetime(UTC)),
    )


def _changed_at(info: WorkerDeploymentInfo) -> datetime:
    """When Temporal took the last change."""
    config = info.routing_config
    times = (
        config.current_version_changed_time,
        config.ramping_version_changed_time,
        config.ramping_version_percentage_changed_time,
    )
    return max(each.ToDatetime(UTC) for each in times)
