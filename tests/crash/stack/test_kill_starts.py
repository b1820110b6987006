"""kill -9 around starts from outside, pauses and followers on the real stack: each message one run, each event once."""

from __future__ import annotations

import json
import random
import smtplib
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from fixtures.stack import Stack, until
from fixtures.story import ended, run_of, start, waiting

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

ENDED = ("succeeded", "failed", "stopped")
ADDRESS = "complaints@ostwind-pumpen.example"
MESSAGES = 6


def runs_about(stack: Stack, key: str) -> list[dict[str, Any]]:
    with stack.as_person("li") as li:
        return li.get("/api/runs", params={"business_key": key}).json()["items"]


def stop_all(stack: Stack, keys: list[str]) -> None:
    """What these tests start waits for people; nobody else should see it."""
    with stack.as_person("li") as li:
        for key in keys:
            for run in li.get("/api/runs", params={"business_key": key}).json()["items"]:
                if run["state"] not in ENDED:
                    li.post(f"/api/runs/{run['id']}/stop", json={"reason": "the test is over", "hard": True})


def is_up(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.url}/api/health", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def killing(stack: Stack, *names: str, times: int = 3) -> Generator[None]:
    """kill -9 of these processes in turn, a few times, at moments of chance while the block runs."""
    over = threading.Event()

    def answers() -> bool:
        return is_up(stack)

    def kill() -> None:
        for _ in range(times):
            # Each lives for a while before it dies again, however slow the machine is: else nothing could happen.
            if over.wait(random.uniform(0.2, 3.0)):
                return
            for name in names:
                stack.kill(name)
            until(lambda: over.is_set() or answers(), 60)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()
        until(answers, 60, lambda: "the API did not come back")


@pytest.mark.slow
def test_each_delivery_of_a_webhook_starts_one_run_while_the_api_is_killed(stack: Stack) -> None:
    with stack.as_person("li") as li:
        body = {
            "name": "Web shop",
            "agent": "complaint-resolution",
            "mapping": {"text": "message", "order_number": "order"},
        }
        hook = li.post("/api/hooks", json=body).json()
    keys = [f"WH-{number}" for number in range(MESSAGES)]

    def post(key: str) -> httpx.Response | None:
        """As a sender does: again until it is taken; what is on its way when the API dies is answered by nobody."""
        content = json.dumps({"message": f"Broken: {key}", "order": key})
        at = datetime.now(UTC)
        headers = {
            "webhook-id": f"msg-{key}",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(hook["secret"]).sign(f"msg-{key}", at, content),
        }
        try:
            answered = httpx.post(f"{stack.url}{hook['path']}", content=content, headers=headers, timeout=10)
        except httpx.TransportError:
            return None
        return answered if answered.status_code in (200, 202) else None

    told: dict[str, set[str]] = {key: set() for key in keys}
    with killing(stack, "api"):
        for _ in range(3):  # each message three times, whatever became of the others
            for key in keys:
                found = until(lambda key=key: post(key), 60, lambda key=key: f"{key} was not taken")
                told[key].add(found.json()["run"])
    for key in keys:
        (run,) = runs_about(stack, key)
        assert told[key] == {run["id"]}
        assert run["principal"] == "person:li"
    stop_all(stack, keys)


def test_each_mail_starts_one_run_while_the_gateway_worker_is_killed(stack: Stack) -> None:
    with stack.as_person("li") as li:
        made = li.post(
            "/api/intakes",
            json={
                "name": "Complaints by mail",
                "agent": "complaint-resolution",
                "tool": "mail.list_new",
                "arguments": {"to": ADDRESS, "limit": 2},
                "mapping": {"text": "join(' ', [subject, text])", "order_number": "references[0]"},
                "every_seconds": 5,
            },
        )
        assert made.status_code == 201, made.text
    intake = made.json()["id"]
    keys = [f"MAIL-{number}" for number in range(10, 10 + MESSAGES)]
    with killing(stack, "gateway"):
        for key in keys:
            message = EmailMessage()
            message["From"], message["To"], message["Subject"] = "kim@customer.example", ADDRESS, f"{key} is broken"
            message["Message-ID"] = f"<{key}-{time.time_ns()}@customer.example>"
            message.set_content("The crate was open and the goods are damaged.")
            with smtplib.SMTP("127.0.0.1", int(stack.environment["CHARGEHAND_SMTP_PORT"])) as client:
                client.send_message(message)
        until(lambda: runs_about(stack, keys[0]), 120, lambda: "no mail started a run")
    until(lambda: all(runs_about(stack, key) for key in keys), 120, lambda: "a mail started no run")
    for key in keys:
        (run,) = runs_about(stack, key)
        assert run["principal"] == "person:li"
    with stack.as_person("li") as li:
        shown = li.get(f"/api/intakes/{intake}").json()
        assert (shown["started"], shown["last_problem"]) == (MESSAGES, "")
        assert li.delete(f"/api/intakes/{intake}").status_code == 204
    with stack.as_person("ada") as ada:  # reading is a call like any other: decided and recorded
        read = ada.get("/api/log", params={"q": f"run:{intake} kind:outcome", "limit": 50}).json()["items"]
        assert {one["tool"] for one in read} == {"mail.list_new"}
        assert len(read) >= 2
    stop_all(stack, keys)


class Follower:
    """A client of a run's event stream: what breaks is opened again with the last id, as a browser does."""

    def __init__(self, stack: Stack, run: str) -> None:
        self.stack, self.run = stack, run
        self.seen: list[int] = []
        self.opened = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self) -> None:
        while not self.ended.is_set():
            try:
                with self.stack.as_person("amy") as amy:
                    last = {"Last-Event-ID": str(self.seen[-1])} if self.seen else {}
                    self.opened += 1
                    with amy.stream("GET", f"/api/runs/{self.run}/events", headers=last, timeout=30) as stream:
                        self._read(stream)
            except httpx.HTTPError:
                time.sleep(0.2)

    def _read(self, stream: httpx.Response) -> None:
        number = ""
        for line in stream.iter_lines():
            if line.startswith("id: "):
                number = line.removeprefix("id: ")
            elif line == "event: end":
                self.ended.set()
                return
            elif line.startswith("data: ") and number:
                self.seen.append(int(number))
                number = ""


def test_paused_followed_and_resumed_while_everything_is_killed(stack: Stack) -> None:
    with stack.as_person("amy") as amy:
        run = start(amy, "")  # without its number, people are asked for it, twice
    follower = Follower(stack, run)
    first = waiting(stack, "amy", run, "task", 180)

    def act(how: str, *, paused: bool) -> None:
        """As a person does: again until the page says that it is so."""

        def done() -> bool:
            try:
                with stack.as_person("amy") as amy:
                    amy.post(f"/api/runs/{run}/{how}", json={"reason": "stock-taking"})
                    return (run_of(amy, run)["state"] == "paused") is paused
            except (httpx.HTTPError, AssertionError):
                return False

        until(done, 90, lambda: f"{how} was not heard")

    def tell(task: str) -> None:
        with stack.as_person("amy") as amy:
            answered = amy.post(f"/api/tasks/{task}/answer", json={"value": {"order_number": "NOPE-1"}})
            assert answered.status_code == 200, answered.text

    with killing(stack, "api", "gateway", times=1):
        act("pause", paused=True)
    for name in ("temporal", "api"):
        stack.kill(name)
    until(lambda: is_up(stack), 60)
    tell(first["id"])
    with stack.as_person("amy") as amy:
        assert run_of(amy, run)["state"] == "paused"  # answered, and nothing goes out
    with killing(stack, "api", "agents", times=1):
        act("resume", paused=False)

    def second() -> str:
        with stack.as_person("amy") as amy:
            return next((one["id"] for one in run_of(amy, run)["waiting"] if one["id"] != first["id"]), "")

    tell(until(second, 120, lambda: "it does not go on"))
    done = ended(stack, "amy", run, 180)
    assert (done["state"], done["result"]["result"]) == ("succeeded", "order_unknown"), done
    assert follower.ended.wait(60), "the stream did not end"
    assert follower.seen == list(range(1, done["events"] + 1)), "an event is missing or came twice"
    assert follower.opened > 1, "the stream never broke: nothing was tested"
