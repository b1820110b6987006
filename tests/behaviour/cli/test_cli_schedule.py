"""Schedules from the command line, against a real API process."""

from __future__ import annotations

from collections.abc import Callable

from fixtures.cli import Command

SignedIn = Callable[[str], Command]


def test_a_schedule_is_made_listed_paused_resumed_and_deleted(signed_in: SignedIn) -> None:
    command = signed_in("amy")
    create = ("schedule", "create", "complaint-resolution", "--set", "text=broken", "--set", "order_number=SO-1042")
    made = command(*create, "--cron", "0 8 * * MON-FRI", "-z", "Europe/Berlin", "--json").json
    assert made["words"] == "At 08:00 on Monday through Friday"
    assert made["id"] in command("schedule", "list").out
    edited = command(
        "schedule", "edit", made["id"], "--cron", "0 9 * * *", "--max-runs", "3", "--overlap", "skip", "--json"
    )
    assert (edited.json["words"], edited.json["max_runs"], edited.json["overlap"]) == ("At 09:00 every day", 3, "skip")
    assert (edited.json["time_zone"], edited.json["input"]) == ("Europe/Berlin", made["input"])
    edited = command("schedule", "edit", made["id"], "--max-runs", "0", "--ends", "2099-12-01", "--json")
    assert (edited.json["max_runs"], edited.json["ends_at"]) == (None, "2099-11-30T23:00:00Z")
    assert "paused" in command("schedule", "pause", made["id"]).out
    assert "active" in command("schedule", "resume", made["id"]).out
    assert command("schedule", "delete", made["id"], "--json").json == {"deleted": made["id"]}
    assert command("schedule", "list", "--json").json == []
    said = command(*create, "--cron", "often")
    assert (said.code, "five fields" in said.err) == (2, True)
    said = command(*create, "--at", "tomorrow")
    assert (said.code, "is no time" in said.err) == (2, True)
    once = command(*create, "--at", "2099-12-01T08:00", "-z", "Europe/Berlin", "--json").json
    assert once["at"] == "2099-12-01T07:00:00Z"
