"""One key is one document: under concurrency, kill -9 of the connector, and a Tryton that stops, hangs or dies."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargehand.errors import ChargehandError
from chargehand_connectors import erp
from fixtures.stack import until
from fixtures.tryton import TrytonServer, new_tryton

from .conftest import Erp, fresh_key, new_pool

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    """A Tryton that these tests may kill."""
    server = new_tryton(tmp_path_factory.mktemp("own-tryton"))
    server.start()
    yield server
    server.stop()


def connectors() -> list[int]:
    """Process ids of our child processes that run the ERP connector."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if b"chargehand_connectors.erp" in command and parent == os.getpid():
            found.append(int(folder.name))
    return found


async def settled(shop: Erp, tool: object, key: str, **arguments: object) -> object:
    """Repeat under the same key, as the gateway does, until there is a clear answer."""
    loop = asyncio.get_running_loop()
    end = loop.time() + 60
    while True:
        try:
            result = await shop.ask(tool, key, seconds=8, **arguments)  # type: ignore[arg-type]
            if result.succeeded:
                return result.value
            assert result.failure
            assert result.failure.kind in ("unknown", "retryable"), result.failure
        except ChargehandError:
            pass
        assert loop.time() < end, "no clear answer in time"
        await asyncio.sleep(0.2)


async def test_two_connectors_with_one_key_make_one_document(own: TrytonServer, tmp_path: Path) -> None:
    # Two machines: neither shares its book of keys with the other, so that only Tryton keeps them apart.
    shops = [Erp(new_pool(own, tmp_path / name)) for name in ("a", "b")]
    try:
        complaint = await shops[0].get(erp.open_complaint, order="SO-1043", reason="Wrong units")
        key = fresh_key()
        arguments = {"order": "SO-1043", "complaint": complaint.number}
        made = await asyncio.gather(*(settled(shop, erp.create_return, key, **arguments) for shop in shops))
        assert made[0] == made[1]
        assert len(own.records("sale.sale", [["web_id", "=", key]], "number")) == 1

        # In one connector, the same complaint many times over.
        key = fresh_key()
        calls = [settled(shops[0], erp.open_complaint, key, order="SO-1043", reason="Wrong units") for _ in range(5)]
        answers = await asyncio.gather(*calls)
        assert all(answer == answers[0] for answer in answers)
        assert len(own.records("sale.complaint", [["reference", "=", key]], "number")) == 1
    finally:
        await asyncio.gather(*(shop.pool.close() for shop in shops))


async def test_two_returns_never_claim_more_than_was_paid(own: TrytonServer, tmp_path: Path) -> None:
    shops = [Erp(new_pool(own, tmp_path / name)) for name in ("a", "b")]
    try:
        numbers = [(await shop.get(erp.open_complaint, order="SO-1052", reason="Broken")).number for shop in shops]
        await asyncio.gather(
            *(
                shop.ask(erp.create_return, order="SO-1052", complaint=number)
                for shop, number in zip(shops, numbers, strict=True)
            )
        )
        order = await shops[0].get(erp.get_order, number="SO-1052")
        assert order.claimed_by_returns <= order.paid
    finally:
        await asyncio.gather(*(shop.pool.close() for shop in shops))


async def test_a_connector_killed_before_the_reply_made_one_document(own: TrytonServer, tmp_path: Path) -> None:
    shop = Erp(new_pool(own, tmp_path))
    try:
        await shop.get(erp.get_order, number="SO-1046")
        key = fresh_key()
        own.freeze()
        first = asyncio.create_task(shop.ask(erp.open_complaint, key, seconds=4, order="SO-1046", reason="Leaks"))
        await asyncio.to_thread(until, lambda: _asked(tmp_path / "keys.db", key), 10)
        for pid in connectors():
            os.kill(pid, signal.SIGKILL)
        own.thaw()
        await asyncio.gather(first, return_exceptions=True)
        await settled(shop, erp.open_complaint, key, order="SO-1046", reason="Leaks")
        assert len(own.records("sale.complaint", [["reference", "=", key]], "number")) == 1
    finally:
        own.thaw()
        await shop.pool.close()


async def test_a_credit_note_cut_off_by_a_dying_tryton_is_finished_once(own: TrytonServer, tmp_path: Path) -> None:
    shop = Erp(new_pool(own, tmp_path))
    try:
        complaint = await shop.get(erp.open_complaint, order="SO-1041", reason="It leaks")
        made = await shop.get(erp.create_return, order="SO-1041", complaint=complaint.number)
        key = fresh_key()
        refund = {"order": "SO-1041", "return_number": made.number, "customer": "Hofer Molkerei eG"}
        refund |= {"amount": "1260.00", "currency": "EUR", "reason": "It leaks"}
        call = asyncio.create_task(shop.ask(erp.create_credit_note, key, seconds=6, **refund))
        mark = [["number", "=", made.number], ["reference", "like", "credit:%"]]
        await asyncio.to_thread(until, lambda: own.records("sale.sale", mark, "id") or call.done(), 10)
        own.stop(signal.SIGKILL)
        (cut,) = await asyncio.gather(call, return_exceptions=True)
        if not isinstance(cut, BaseException) and cut.failure:
            assert cut.failure.kind == "unknown"  # begun: never "failed"
        own.start()
        await settled(shop, erp.create_credit_note, key, **refund)
        notes = own.records("account.invoice", [["reference", "=", key]], "state", "total_amount")
        assert [(note["state"], note["total_amount"]["decimal"]) for note in notes] == [("posted", "-1260.00")]
    finally:
        await shop.pool.close()


async def test_a_stopped_tryton_is_retryable_and_a_hanging_one_is_unclear(own: TrytonServer, tmp_path: Path) -> None:
    shop = Erp(new_pool(own, tmp_path))
    try:
        await shop.get(erp.get_order, number="SO-1040")
        own.stop()
        for tool, arguments in (
            (erp.get_order, {"number": "SO-1040"}),
            (erp.open_complaint, {"order": "SO-1040", "reason": "It leaks"}),
        ):
            kind, said = await shop.refuse(tool, **arguments)
            assert kind == "retryable"
            assert "Tryton" in said
        own.start()
        assert (await shop.get(erp.get_order, number="SO-1040")).number == "SO-1040"
    finally:
        await shop.pool.close()


def _asked(book: Path, key: str) -> bool:
    import sqlite3

    with sqlite3.connect(book) as connection:
        return bool(connection.execute("SELECT 1 FROM keyed_effect WHERE key = ?", (key,)).fetchone())
