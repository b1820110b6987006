"""Payload encryption: round trip, tampering, other keys, what was never encrypted, and the key's file."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload

from chargehand.errors import BadSettings
from chargehand.runs.codec import EncryptionCodec, payload_key

KEY = os.urandom(32)


def payload(data: bytes) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


@given(st.lists(st.binary(max_size=2000), max_size=4))
async def test_what_is_encrypted_comes_back(data: list[bytes]) -> None:
    codec = EncryptionCodec(KEY)
    given_payloads = [payload(one) for one in data]
    hidden = await codec.encode(given_payloads)
    assert await codec.decode(hidden) == given_payloads
    assert all(one not in two.data for one, two in zip(data, hidden, strict=True) if len(one) > 8)


@given(st.data())
async def test_a_changed_bit_is_noticed(data: st.DataObject) -> None:
    codec = EncryptionCodec(KEY)
    (hidden,) = await codec.encode([payload(b"1280.00 EUR")])
    bit = data.draw(st.integers(0, len(hidden.data) * 8 - 1))
    changed = bytearray(hidden.data)
    changed[bit // 8] ^= 1 << bit % 8
    hidden.data = bytes(changed)
    with pytest.raises(BadSettings, match="another key, or changed"):
        await codec.decode([hidden])


async def test_another_key_opens_nothing() -> None:
    hidden = await EncryptionCodec(KEY).encode([payload(b"x")])
    with pytest.raises(BadSettings):
        await EncryptionCodec(os.urandom(32)).decode(hidden)


async def test_equal_payloads_look_different() -> None:
    one, two = await EncryptionCodec(KEY).encode([payload(b"x"), payload(b"x")])
    assert one.data != two.data


async def test_what_was_never_encrypted_is_passed_on() -> None:
    assert await EncryptionCodec(KEY).decode([payload(b"old")]) == [payload(b"old")]


def test_the_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "state" / "payload.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: payload_key(path), range(16)))
    assert len(keys) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_holds_no_key_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "payload.key"
    path.write_bytes(b"short")
    with pytest.raises(BadSettings, match=r"payload\.key"):
        payload_key(path)
