"""Large payloads: cut so that a growing conversation is stored once, encrypted, and bound to their run."""

# ruff: noqa: ASYNC240  # a test looks into its own folder

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.converter import ActivitySerializationContext, WorkflowSerializationContext

from chargehand.errors import BadInput, BadSettings, NotFound, RuntimeUnavailable
from chargehand.runs import codec as codec_module
from chargehand.runs.blobs import BlobFolder
from chargehand.runs.codec import ENCODING, ENCODING_STORED, EncryptionCodec
from chargehand.runs.parts import LARGEST_MINIMUM, SMALLEST, cut

KEY = os.urandom(32)
RUN = "run_01ABCDEFGH"


def payload(data: bytes) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


def codec(folder: Path, run: str = RUN, key: bytes = KEY) -> EncryptionCodec:
    return EncryptionCodec(key, BlobFolder(folder)).with_context(WorkflowSerializationContext("default", run))


def conversation(messages: int) -> bytes:
    said = [{"type": "human", "data": {"content": f"message {n} " + "word " * (n % 90)}} for n in range(messages)]
    return json.dumps({"messages": said, "step": messages}, separators=(",", ":")).encode()


@given(st.binary(max_size=200_000), st.integers(0, 40))
def test_the_parts_together_are_the_whole(noise: bytes, repeats: int) -> None:
    data = noise + b'{"a":"b"},{' * repeats * 500
    parts = list(cut(data))
    assert b"".join(parts) == data
    assert all(0 < len(part) <= LARGEST_MINIMUM * 4 for part in parts)
    assert all(len(part) >= SMALLEST for part in parts[:-1])


@given(st.integers(20, 400), st.integers(1, 30))
def test_what_is_added_at_the_end_leaves_the_parts_before_as_they_were(messages: int, more: int) -> None:
    before, after = list(cut(conversation(messages))), list(cut(conversation(messages + more)))
    assert after[: len(before) - 1] == before[:-1]


def test_after_a_change_in_the_middle_the_cuts_fall_into_step_again() -> None:
    text = conversation(2000)
    changed = text.replace(b"message 300 ", b"message three hundred ")
    same = set(cut(text)) & set(cut(changed))
    assert len(same) > 0.8 * len(list(cut(text)))


def test_twenty_megabytes_are_some_hundred_parts() -> None:
    assert len(list(cut(os.urandom(20_000_000)))) < 600


async def test_large_payloads_are_kept_aside_and_small_ones_are_not(tmp_path: Path) -> None:
    given_payloads = [payload(b"small"), payload(b"secret word " * 5000)]
    hidden = await codec(tmp_path).encode(given_payloads)
    assert [one.metadata["encoding"] for one in hidden] == [ENCODING, ENCODING_STORED]
    assert hidden[1].ByteSize() < 400
    assert await codec(tmp_path).decode(hidden) == given_payloads
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(kept) > 5000
    assert b"secret" not in kept


async def test_a_conversation_that_grows_is_stored_about_once(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path)
    sent = 0
    for messages in range(1, 501, 5):
        text = conversation(messages)
        sent += len(text)
        await codec(tmp_path).encode([payload(text)])
    last = len(conversation(500))
    assert sent > 40 * last
    assert folder.size(RUN) < 8 * last


async def test_a_changed_part_and_another_key_are_noticed(tmp_path: Path) -> None:
    hidden = await codec(tmp_path).encode([payload(os.urandom(30_000))])
    with pytest.raises(BadSettings):
        await codec(tmp_path, key=os.urandom(32)).decode(hidden)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = bytearray(path.read_bytes())
            data[20] ^= 1
            path.write_bytes(data)
    with pytest.raises(BadSettings, match="changed"):
        await codec(tmp_path).decode(hidden)


async def test_a_part_does_not_pass_for_that_of_another_run(tmp_path: Path) -> None:
    one, other = payload(b"a" * 30_000), payload(b"b" * 30_000)
    await codec(tmp_path, "run_01AAAA").encode([one])
    hidden = await codec(tmp_path, "run_01BBAA").encode([one, other])
    folders = {path.name: path for path in (tmp_path / "aa").iterdir()}
    for path in folders["run_01AAAA"].iterdir():
        (folders["run_01BBAA"] / path.name).write_bytes(path.read_bytes())
    with pytest.raises(BadSettings, match="changed"):
        await codec(tmp_path, "run_01BBAA").decode(hidden[:1])


async def test_a_missing_part_is_said_in_a_sentence(tmp_path: Path) -> None:
    hidden = await codec(tmp_path).encode([payload(b"x" * 30_000)])
    BlobFolder(tmp_path).forget(RUN)
    with pytest.raises(NotFound, match=f"stored part of the run {RUN} is missing"):
        await codec(tmp_path).decode(hidden)
    with pytest.raises(BadSettings, match="folder"):
        await EncryptionCodec(KEY).decode(hidden)


async def test_over_the_limit_is_refused_with_the_activity_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec_module, "LARGEST_BYTES", 10_000)
    at = ActivitySerializationContext("default", "1", "io_node", "agents", RUN, "agent", is_local=False)
    with pytest.raises(BadInput, match="10000 is the most") as caught:
        await EncryptionCodec(KEY, BlobFolder(tmp_path)).with_context(at).encode([payload(b"x" * 20_000)])
    assert caught.value.field == "io_node"


async def test_without_a_run_nothing_is_kept_aside(tmp_path: Path) -> None:
    (hidden,) = await EncryptionCodec(KEY, BlobFolder(tmp_path)).encode([payload(b"x" * 30_000)])
    assert hidden.metadata["encoding"] == ENCODING
    assert list(tmp_path.iterdir()) == []


def test_many_writers_of_one_part_leave_one_whole_file(tmp_path: Path) -> None:
    folder, name, data = BlobFolder(tmp_path), "ab" * 32, os.urandom(100_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(folder.put, [RUN] * 32, [[(name, data)]] * 32))
    assert folder.get(RUN, name) == data
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [name]


def test_runs_are_listed_with_their_age_and_forgotten_whole(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path)
    folder.put(RUN, [("ab" * 32, b"x")])
    ((run, at),) = folder.runs()
    assert run == RUN
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    folder.forget(RUN)
    folder.forget(RUN)
    assert list(folder.runs()) == []


@pytest.mark.parametrize("run", ["", "..", "a/b", "../x", "run\n"])
def test_a_run_names_no_other_folder(tmp_path: Path, run: str) -> None:
    with pytest.raises(BadInput):
        BlobFolder(tmp_path).put(run, [("ab" * 32, b"x")])


def test_a_folder_that_cant_be_used_says_which_and_why(tmp_path: Path) -> None:
    """Whoever starts a run then is not told of a fault: it waits until the folder can be used."""
    root = tmp_path / "blobs"
    root.write_text("a file in its place")
    folder = BlobFolder(root)
    with pytest.raises(RuntimeUnavailable, match=str(root)):
        folder.put(RUN, [("ab" * 32, b"x")])
    with pytest.raises(RuntimeUnavailable, match="CHARGEHAND_BLOBS_DIR"):
        folder.get(RUN, "ab" * 32)
