"""A small witness: cosigns each checkpoint that continues what it saw before, and nothing else.

    python -m chargehand.audit.witness_server --name witness.example --folder ./witness --port 8720 --log LOG_KEY_FILE

Implements `add-checkpoint` of https://c2sp.org/tlog-witness on the standard library. It keeps one file a log with the
last checkpoint it signed, written before the signature leaves, so that it never cosigns two histories, crash or not.
Run it on a machine that the log's operator does not control.
"""

from __future__ import annotations

import argparse
import threading
import time
from base64 import b64decode
from collections.abc import Sequence
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from chargehand.audit import keys
from chargehand.audit.format import (
    EMPTY_ROOT,
    BadNote,
    Checkpoint,
    Note,
    VerifierKey,
    cosign,
    open_checkpoint,
    verify_consistency,
)  # fmt: skip
from chargehand.audit.tree import sync_folder, write_durably

MAX_BODY_BYTES = 64 * 1024


class Refused(Exception):
    """The answer to a checkpoint that is not cosigned: HTTP status, content type and body."""

    def __init__(self, status: int, body: str, content_type: str = "text/plain") -> None:
        super().__init__(body)
        self.status, self.body, self.content_type = status, body, content_type


class WitnessState:
    """What the witness has seen, in `folder`; and the logs it knows, by origin."""

    def __init__(self, name: str, folder: Path, logs: Sequence[VerifierKey]) -> None:
        self._folder = folder
        self._logs = {log.name: log for log in logs}
        self._key = keys.load_or_create(folder / "witness.key")
        self._lock = threading.Lock()
        self.key = keys.verifier_key(self._key, name, witness=True)

    def add_checkpoint(self, body: str) -> str:
        """The signature line for a request body. Raises Refused."""
        old, proof, text = _parse(body)
        try:
            origin = Checkpoint.parse(Note.parse(text).text).origin
        except BadNote as error:
            raise Refused(400, str(error)) from None
        log = self._logs.get(origin)
        if log is None:
            raise Refused(404, "unknown log")
        try:
            new = open_checkpoint(text, log)
        except BadNote as error:
            raise Refused(403, str(error)) from None
        with self._lock:
            seen = self._seen(log)
            if old > new.size:
                raise Refused(400, "the old size is beyond the checkpoint")
            if old != seen.size:
                raise Refused(409, f"{seen.size}\n", "text/x.tlog.size")
            if old == new.size and new.root != seen.root:
                raise Refused(409, f"{seen.size}\n", "text/x.tlog.size")
            if not verify_consistency(old, new.size, seen.root, new.root, proof):
                raise Refused(422, "the consistency proof does not hold")
            self._remember(log, text)
        return cosign(self._key, self.key.name, Note.parse(text).text, int(time.time())).line()

    def _path(self, log: VerifierKey) -> Path:
        return self._folder / f"{sha256(log.name.encode()).hexdigest()}.checkpoint"

    def _seen(self, log: VerifierKey) -> Checkpoint:
        path = self._path(log)
        return open_checkpoint(path.read_text(), log) if path.exists() else Checkpoint(log.name, 0, EMPTY_ROOT)

    def _remember(self, log: VerifierKey, note: str) -> None:
        write_durably(self._path(log), note.encode())
        sync_folder(self._folder)


def _parse(body: str) -> tuple[int, list[bytes], str]:
    head, gap, note = body.partition("\n\n")
    first, *lines = head.split("\n")
    word, _, size = first.partition(" ")
    try:
        proof = [b64decode(line, validate=True) for line in lines]
    except ValueError:
        proof = [b""]
    if not gap or word != "old" or not size.isdecimal() or len(lines) > 63 or any(len(h) != 32 for h in proof):
        raise Refused(400, "malformed request")
    return int(size), proof, note


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness on host and port; port 0 takes a free one (`url` says which)."""

    daemon_threads = True

    def __init__(self, state: WitnessState, host: str = "127.0.0.1", port: int = 0) -> None:
        self.state = state
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if self.path != "/add-checkpoint":
            self._answer(404, "no such endpoint")
        elif not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self._answer(413, "too big")
        else:
            try:
                body = self.rfile.read(int(length)).decode()
                self._answer(200, cast("WitnessServer", self.server).state.add_checkpoint(body))
            except UnicodeDecodeError:
                self._answer(400, "not UTF-8")
            except Refused as error:
                self._answer(error.status, error.body, error.content_type)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        """Quiet: the operator's proxy keeps access logs."""

    def _answer(self, status: int, body: str, content_type: str = "text/plain") -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="A witness for Chargehand's action log.")
    parser.add_argument("--name", required=True, help="the witness's key name, such as a host name")
    parser.add_argument("--folder", required=True, type=Path, help="where key and state are kept")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8720)
    parser.add_argument("--log", action="append", required=True, type=Path, help="file with a log's verifier key")
    given = parser.parse_args(arguments)
    logs = [VerifierKey.parse(path.read_text()) for path in given.log]
    state = WitnessState(given.name, given.folder, logs)
    server = WitnessServer(state, given.host, given.port)
    print(f"{server.url} {state.key}", flush=True)  # noqa: T201  # what the log's operator must configure
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
