"""One page of messages, and the transaction that makes runs of it. No message is skipped without a record of why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

import orjson

from chargehand import clock
from chargehand.audit import log
from chargehand.audit.model import Record
from chargehand.clock import iso
from chargehand.database import Transaction
from chargehand.errors import BadInput, Forbidden, NotFound
from chargehand.gateway import copies
from chargehand.outcome import Outcome
from chargehand.runs.keys import call_key
from chargehand.runs.service import RunService
from chargehand.runs.starts import write_start
from chargehand.runs.triggers import behalf, mapping
from chargehand.runs.triggers import intake_store as store
from chargehand.runs.triggers.intake_rows import record_of

OF_MESSAGE = "Message "
"""How a problem begins that is one message's, and not the read's."""
OWN = ("state", "cursor", "arguments", "mapping")
"""What a person may change while a page is read: nothing of that page counts then."""
KEPT_READS = 10
"""So many reads that were made, and never used because a worker died, are emptied by the next one that is."""
MAX_KEY = 150
"""A longer message id is replaced by its digest in the run's request key."""


@dataclass(frozen=True, slots=True)
class MessagePage:
    """What a read answered: messages, oldest first, and the cursor behind them."""

    messages: tuple[Mapping[str, Any], ...]
    cursor: str


def page_of(outcome: Outcome) -> MessagePage:
    """The page of a read that succeeded.

    Raises:
        Forbidden: policy or people said no.
        BadInput: the read failed, or its answer holds no messages.
    """
    if not outcome.succeeded:
        why = outcome.failure.detail if outcome.failure else outcome.state
        kind = Forbidden if outcome.state in ("denied", "rejected", "expired") else BadInput
        raise kind(f"{outcome.tool} could not be read: {why}")
    value: Any = outcome.value
    messages: Any = value.get("messages") if isinstance(value, Mapping) else None
    cursor: Any = cast("Mapping[str, Any]", value).get("cursor") if isinstance(value, Mapping) else None
    if not isinstance(messages, list) or not isinstance(cursor, str):
        raise BadInput(f"{outcome.tool} answered without messages and cursor")
    found = tuple(cast("list[Mapping[str, Any]]", messages))
    if not all(isinstance(one, Mapping) and isinstance(one.get("id"), str) and one["id"] for one in found):  # pyright: ignore[reportUnnecessaryIsInstance]  # another system wrote it
        raise BadInput(f"{outcome.tool} answered with a message that has no id")
    return MessagePage(found, cursor)


def start_messages(tx: Transaction, runs: RunService, row: Mapping[str, Any], page: MessagePage) -> list[str]:
    """Write a run for each message and move the cursor; the runs that are new.

    A message that makes no input is refused, recorded and passed by. Where the start itself is refused (policy, the
    principal, the agent) the intake stays before that page: nothing is lost, and a person sees why.
    """
    started: list[str] = []
    refused: list[Record] = []
    problem = held = ""
    for message in page.messages:
        try:
            run = _start(tx, runs, row, message)
        except BadInput as error:
            problem = f"{OF_MESSAGE}{message['id']}: {error}"
            refused.append(record_of(row, "message_refused", message_id=message["id"], why=str(error)))
        except (Forbidden, NotFound) as error:
            problem = held = f"{OF_MESSAGE}{message['id']}: {error}"
            break
        else:
            if run:
                started.append(run)
    if not page.messages and row["last_problem"].startswith(OF_MESSAGE):
        problem = row["last_problem"]  # what was wrong with a message stays to be seen until the next one comes
    going_on = page.messages and not held  # there may be more
    columns: dict[str, Any] = {
        "started": row["started"] + len(started),
        "last_problem": problem,
        **({"last_run": started[-1]} if started else {}),
        **({} if held else {"cursor": page.cursor}),
        **({"next_at": iso(clock.now())} if going_on else {}),
    }
    if held:  # the page will be read again: it is said once, and what was refused before it then
        refused = [] if held == row["last_problem"] else [record_of(row, "start_refused", why=held)]
    for record in refused:
        log.append(tx, record.model_copy(update={"outcome": "denied"}))
    if not store.change_intake(tx, row, OWN, **columns):
        raise Moved
    # Whoever reads again does so by a key of its own. What the messages say is in the runs, and there alone.
    reads = range(max(row["reads"] - KEPT_READS, 0), row["reads"] + 1)
    used = [call_key(row["tenant"], row["id"], number) for number in reads]
    copies.forget_results(tx.connection, row["tenant"], used)
    return started


class Moved(BadInput):
    """Somebody paused or changed it, or set another cursor, while it was read: nothing of the page is kept."""

    def __init__(self) -> None:
        super().__init__("The intake was changed while it was read.")


def _start(tx: Transaction, runs: RunService, row: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    """The run's id if it is new, empty if the message had started it before. Raises BadInput, Forbidden, NotFound."""
    name = str(message["id"])
    short = name if len(name) <= MAX_KEY else sha256(name.encode()).hexdigest()
    run = behalf.row_for(
        tx.connection,
        runs.agents,
        runs.policy,
        how="message",
        tenant=row["tenant"],
        principal=row["principal"],
        agent=row["agent"],
        value=mapping.apply(orjson.loads(row["mapping"]), message),
        request_key=f"message:{row['tool']}:{row['agent']}:{short}",
    )
    found = write_start(tx, run, intake=row["id"], message_id=name)
    if found["id"] == run.id:
        return run.id
    if found["input"] != run.input:
        raise BadInput(f"Another message with this id, or this one by another mapping, has started {found['id']}.")
    return ""
