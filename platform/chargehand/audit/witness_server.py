"""A small witness: cosigns each checkpoint that continues what it saw before, and nothing else.

    python -m chargehand.audit.witness_server --name witness.example --folder ./witness --port 8720 --log LOG_KEY_FILE

Implements `add-checkpoint` of https://c2sp.org/tlog-witness on the standard library. It keeps one file a log with the
last checkpoint it signed, written before the signature leaves, so that it never cosigns two histories, crash or not.
`add-key` lets it follow a log to a new key that the one before has announced.
Run it on a machine that the log's operator does not control.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from base64 import b64decode
from collections.abc import Sequence
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from chargehand.audit import keys
from chargehand.audit.chain import KeyChain
from chargehand.audit.format import (
    EMPTY_ROOT,
    BadNote,
    Checkpoint,
    Note,
    VerifierKey,
    cosign,
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
        self._logs = {log.name: KeyChain(log) for log in logs}
        for chain in self._logs.values():
            for rotation in self._rotations(chain):
                chain.follow(rotation)
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
        with self._lock:
            try:
                new = log.open(text)
            except BadNote as error:
                raise Refused(403, str(error)) from None
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

    def add_key(self, body: str) -> str:
        """Follow a log to its next key, proven under the one known: one `chain.Rotation` as JSON. Raises Refused.

        An endpoint of our own: C2SP leaves it to the witness's operator to register another key.
        """
        try:
            rotation = json.loads(body)
            origin = Checkpoint.parse(Note.parse(str(rotation["checkpoint"])).text).origin
        except (BadNote, KeyError, ValueError, TypeError) as error:
            raise Refused(400, f"malformed request: {error}") from None
        log = self._logs.get(origin)
        if log is None:
            raise Refused(404, "unknown log")
        with self._lock:
            known = self._rotations(log)
            if rotation in known:
                return "known\n"
            try:
                log.follow(rotation)
            except (BadNote, KeyError, ValueError, TypeError) as error:
                raise Refused(403, str(error)) from None
            lines = "".join(json.dumps(one) + "\n" for one in [*known, rotation])
            write_durably(self._path(log, "rotations"), lines.encode())
            sync_folder(self._folder)
        return "followed\n"

    def _rotations(self, log: KeyChain) -> list[Any]:
        path = self._path(log, "rotations")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _path(self, log: KeyChain, what: str = "checkpoint") -> Path:
        return self._folder / f"{sha256(log.first.name.encode()).hexdigest()}.{what}"

    def _seen(self, log: KeyChain) -> Checkpoint:
        path = self._path(log)
        return log.open(path.read_text()) if path.exists() else Checkpoint(log.first.name, 0, EMPTY_ROOT)

    def _remember(self, log: KeyChain, note: str) -> None:
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
        state = cast("WitnessServer", self.server).state
        take = {"/add-checkpoint": state.add_checkpoint, "/add-key": state.add_key}.get(self.path)
        if take is None:
            self._answer(404, "no such endpoint")
        elif not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self._answer(413, "too big")
        else:
            try:
                body = self.rfile.read(int(length)).decode()
                self._answer(200, take(body))
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
