"""What the log forgets and what it must not, from the command line."""

from __future__ import annotations

from collections.abc import Callable

from chargehand import clock
from chargehand.audit.log import append
from chargehand.audit.model import Record, Who
from chargehand.audit.personal import Personal
from chargehand.database import Database
from chargehand.ids import new_id
from fixtures.cli import Command, Server

OLD = "2020-01-01T00:00:00.000000Z"
SignedIn = Callable[[str], Command]


def remember(server: Server, **given: str) -> None:
    record = Record(
        id=new_id("rec"), at=given.get("at", clock.iso(clock.now())), tenant="demo", kind="intent",
        who=Who(principal="person:amy"), run=given["run"], arguments={"customer": "Mia Moser"},
    )  # fmt: skip
    db = Database(f"sqlite:///{server.database}")
    try:
        mark = Personal("customer:mia moser", ("arguments.customer",))
        db.write_now(lambda tx: append(tx, record, personal=mark))
    finally:
        db.close()


def test_a_person_is_erased_once_no_hold_keeps_the_records(signed_in: SignedIn, server: Server) -> None:
    remember(server, run="run_forget_1")
    command = signed_in("root")
    asked = ("log", "erase", "customer:mia moser", "--reason", "she asked", "--yes", "--json")
    kept = command("log", "hold", "run:run_forget_1", "--reason", "case 7", "--json").json
    assert "case 7" in command("log", "holds").out
    refused = command(*asked)
    assert refused.code == 1
    assert "case 7" in refused.err
    assert command("log", "lift", kept["id"], "--reason", "closed").code == 0
    assert command("log", "holds", "--json").json == []
    done = command(*asked).json
    assert (done["runs"], done["keys"], done["left"]) == (["run_forget_1"], 1, [])
    assert command(*asked).code == 1, "nothing is left to erase"


def test_old_records_are_retired_and_only_with_a_zone(signed_in: SignedIn, server: Server) -> None:
    remember(server, run="run_forget_2", at=OLD)
    command = signed_in("root")
    assert command("log", "retire", "2021-01-01", "--yes").code == 2
    assert command("log", "retire", "last year", "--yes").code == 2
    assert command("log", "retire", "2021-01-01T00:00:00Z", "--yes", "--json").json["records"] in (0, 1)


def test_who_may_not_erase_may_not_hold_or_retire(signed_in: SignedIn) -> None:
    command = signed_in("amy")
    for words in (
        ("erase", "customer:li wei", "--reason", "x", "--yes"),
        ("hold", "tool:erp.*", "--reason", "x"),
        ("holds",),
        ("lift", "hold_1", "--reason", "x"),
        ("retire", "2021-01-01T00:00:00Z", "--yes"),
    ):
        said = command("log", *words)
        assert said.code == 1, words
        assert "erase_subject" in said.err, said.err
