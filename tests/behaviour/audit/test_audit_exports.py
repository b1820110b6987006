"""What leaves the log: files, OCSF events against the schema, a SIEM stream whose gaps show."""

from __future__ import annotations

import csv
import io
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import jsonschema_rs
import pyarrow.parquet as pq
import pytest

from chargehand import clock
from chargehand.audit import exports, ocsf, siem
from chargehand.audit.filter import parse
from chargehand.audit.format import leaf_hash
from chargehand.audit.model import Who
from chargehand.audit.retention import retire
from chargehand.audit.siem import GapDetector, SiemStream, receiver
from chargehand.errors import BadInput
from fixtures.audit import TENANT, ActionLog

ADA = Who(principal="person:ada", chain=("person:ada",), signed_in_by="password")
SCHEMA = Path(__file__).parents[2] / "fixtures/ocsf/api_activity-1.9.schema.json"


@pytest.fixture
def filled(action_log: ActionLog) -> ActionLog:
    action_log.add_one(
        kind="outcome", outcome="succeeded", run="run_1", call_key="k1", pin="p1", rules=("r",), policy_revision="abc",
        approval="apr_1", business_key="SO-1", trace_id="01" * 16, step="refund", digest="d", result_digest="e",
        arguments={"email": "li@example.com", "amount": "5.00"}, detail={"why": "=HYPERLINK(1)"},
        personal={"subject": "customer:42", "fields": ["arguments.email"]},
    )  # fmt: skip
    action_log.add_one(kind="decision", decision="deny", effect="irreversible", outcome="denied", business_key="=1+1")
    action_log.add_one(kind="intent", decision="ask", effect="write", arguments={"n": 1})
    action_log.add_one(kind="sign_in", tool="", effect="", decision="", who=ADA, arguments=None)
    for outcome in ("failed", "rejected", "expired", "in_doubt"):
        action_log.add_one(kind="outcome", outcome=outcome)
    return action_log


async def exported(log: ActionLog, form: exports.Format, filter: str = "", **given: Any) -> bytes:  # noqa: A002
    return b"".join(await log.service.export_stream(TENANT, filter, form=form, who=ADA, **given))


async def test_json_lines_hold_the_records_and_the_export_is_recorded_first(filled: ActionLog) -> None:
    lines = [json.loads(line) for line in (await exported(filled, "jsonl")).splitlines()]
    assert [line["seq"] for line in lines] == list(range(9))
    assert lines[0]["arguments"] == {"email": "(sealed)", "amount": "5.00"}
    assert lines[8]["kind"] == "access"
    assert lines[8]["detail"] == {"act": "export", "as": "jsonl", "filter": "", "personal": False}


async def test_personal_data_is_there_for_who_may_see_it(filled: ActionLog) -> None:
    [line] = (await exported(filled, "jsonl", "call:k1", personal=True)).splitlines()
    assert json.loads(line)["arguments"]["email"] == "li@example.com"


async def test_csv_holds_no_formula(filled: ActionLog) -> None:
    rows = list(csv.DictReader(io.StringIO((await exported(filled, "csv", "decision:deny")).decode())))
    assert [row["business_key"] for row in rows] == ["'=1+1"]
    assert list(rows[0]) == list(exports.COLUMNS)


async def test_parquet_has_typed_columns_and_the_leaf(filled: ActionLog, tmp_path: Path) -> None:
    target = tmp_path / "log.parquet"
    seen: list[tuple[int, int]] = []
    size = await filled.service.export(TENANT, target, form="parquet", who=ADA, progress=lambda *at: seen.append(at))
    table = pq.read_table(str(target))
    assert size > 1_000
    assert table.num_rows == 9
    assert str(table.schema.field("at").type) == "timestamp[us, tz=UTC]"
    assert table.column("tool").to_pylist()[0] == "erp.get_order"
    assert seen == [(9, 9)]


async def test_a_stopped_export_leaves_no_file(filled: ActionLog, tmp_path: Path) -> None:
    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exports.write(filled.db, TENANT, parse(""), "jsonl", tmp_path / "x.jsonl", progress=stop)
    assert list(tmp_path.glob("*x.jsonl*")) == []  # noqa: ASYNC240 — a test's own folder, after the fact


async def test_big_exports_come_in_chunks_and_stop_where_they_began(sqlite_log: ActionLog, monkeypatch: Any) -> None:
    monkeypatch.setattr(exports, "CHUNK", 7)
    sqlite_log.add(50)
    found = exports.records(sqlite_log.db, TENANT, None)
    first = next(found)
    sqlite_log.add(5)
    assert [first.seq, *(one.seq for one in found)] == list(range(50))


async def test_every_kind_of_record_is_a_valid_ocsf_event(filled: ActionLog) -> None:
    check = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()))
    events = [json.loads(line) for line in (await exported(filled, "ocsf")).splitlines()]
    assert len(events) == 9
    problems = [
        f"{e['metadata']['uid']}: {p.message} at {p.instance_path}" for e in events for p in check.iter_errors(e)
    ]
    assert problems == []
    outcome, denied = events[0], events[1]
    assert (outcome["class_uid"], outcome["type_uid"], outcome["status_id"]) == (6003, 600302, 1)
    assert (denied["action_id"], denied["disposition_id"], denied["status_code"]) == (2, 2, "denied")
    assert outcome["ai_agent"]["uid"] == "agent:complaint-resolution"
    assert outcome["delegation"]["issuer_uid"] == "person:amy"
    assert outcome["unmapped"]["chain"] == ["person:amy", "agent:complaint-resolution"]
    fingerprint = outcome["attestation_list"][0]["fingerprint"]["value"]
    assert fingerprint == leaf_hash(outcome["raw_data"].encode()).hex()
    assert "li@example.com" not in json.dumps(events)


def test_the_schema_refuses_what_is_no_event() -> None:
    check = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()))
    leaf = b'{"id":"rec_1","at":"2026-01-01T00:00:00Z","tenant":"demo","kind":"intent","who":{"principal":"p"}}'
    good = ocsf.event(0, leaf, json.loads(leaf), origin="x/demo")
    assert check.is_valid(good)
    for broken in ({"class_uid": 1}, {"actor": {}}, {"severity_id": "1"}, {"surprise": 1}, {"action_id": 42}):
        assert not check.is_valid(good | broken), broken


async def test_an_unknown_format_is_refused(filled: ActionLog) -> None:
    with pytest.raises(BadInput, match="streamed"):
        await exported(filled, "parquet")


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class SyslogSink(socketserver.StreamRequestHandler):
    messages: ClassVar[list[str]] = []
    arrived = threading.Event()

    def handle(self) -> None:
        while True:
            length = b""
            while not length.endswith(b" "):
                letter = self.rfile.read(1)
                if not letter:
                    return
                length += letter
            self.messages.append(self.rfile.read(int(length)).decode())
            if len(self.messages) == 8:
                self.arrived.set()


def test_syslog_messages_carry_numbers_and_come_once(filled: ActionLog) -> None:
    SyslogSink.messages.clear()
    SyslogSink.arrived.clear()
    with socketserver.TCPServer(("127.0.0.1", 0), SyslogSink) as server, serving(server):
        to = receiver(f"syslog+tcp://127.0.0.1:{server.server_address[1]}")
        stream = SiemStream(filled.db, filled.state, TENANT, to)
        assert stream.send_pending() == 8
        assert stream.send_pending() == 0
        assert SyslogSink.arrived.wait(10)
        to.close()
    head, _, body = SyslogSink.messages[3].partition("\ufeff")
    assert head.startswith("<109>1 ")
    assert '[chargehand@32473 tenant="demo" seq="3"] ' in head
    assert json.loads(body)["metadata"]["sequence"] == 3


class HttpSink(BaseHTTPRequestHandler):
    seen: ClassVar[list[int]] = []
    refuse: ClassVar[int] = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if HttpSink.refuse:
            HttpSink.refuse -= 1
            self.send_response(503)
        else:
            lines = [json.loads(line)["metadata"]["sequence"] for line in body.splitlines()]
            assert self.headers["chargehand-first"] == str(lines[0])
            HttpSink.seen += lines
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_http_goes_on_where_the_receiver_stopped(filled: ActionLog) -> None:
    HttpSink.seen.clear()
    HttpSink.refuse = 1
    server = HTTPServer(("127.0.0.1", 0), HttpSink)
    with serving(server):
        url = f"http://127.0.0.1:{server.server_address[1]}/in"
        with pytest.raises(OSError, match="503"):
            SiemStream(filled.db, filled.state, TENANT, receiver(url)).send_pending()
        assert SiemStream(filled.db, filled.state, TENANT, receiver(url)).send_pending() == 8
        filled.add(2)
        assert SiemStream(filled.db, filled.state, TENANT, receiver(url)).send_pending() == 2
    gaps = GapDetector()
    for seq in HttpSink.seen:
        gaps.see(seq)
    assert (gaps.missing, gaps.repeated, gaps.expected) == ([], 0, 10)


def test_what_was_retired_meanwhile_does_not_stop_the_stream(sqlite_log: ActionLog, monkeypatch: Any) -> None:
    monkeypatch.setattr(siem, "BATCH", 4)
    sqlite_log.add(9, at="2020-01-01T00:00:00.000000Z")
    sqlite_log.sign()
    who = Who(principal="person:root")
    assert retire(sqlite_log.db, TENANT, clock.parse("2021-01-01T00:00:00Z"), who=who) == 9
    sqlite_log.add(1)
    sent: list[int] = []

    class Sink:
        def send(self, batch: list[siem.Sent]) -> None:
            sent.extend(one.seq for one in batch)

        def close(self) -> None: ...

    stream = SiemStream(sqlite_log.db, sqlite_log.state, TENANT, Sink())
    assert stream.send_pending() == 2
    assert sent == [9, 10]
    assert stream.send_pending() == 0


def test_a_gap_and_a_repeat_are_seen() -> None:
    gaps = GapDetector()
    for seq in (0, 1, 4, 4, 5, 9):
        gaps.see(seq)
    assert (gaps.missing, gaps.repeated) == ([(2, 3), (6, 8)], 1)


@pytest.mark.parametrize("url", ["ftp://x", "syslog+tcp://x", "nonsense"])
def test_a_bad_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="Not a SIEM address"):
        receiver(url)
