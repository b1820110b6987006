"""How one key of a log follows from another: every part of the proof is needed."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chargehand.audit.chain import KeyChain, announce, is_announcement, successor
from chargehand.audit.format import BadNote, Checkpoint, Note, VerifierKey, leaf_hash, node_hash, sign

NAME = "log.example/demo"
PRIVATE = [Ed25519PrivateKey.generate() for _ in range(3)]
KEYS = [VerifierKey(NAME, one.public_key().public_bytes_raw()) for one in PRIVATE]
OTHER = leaf_hash(b'{"kind":"intent"}')


def note_by(text: str, *signers: int) -> str:
    return str(Note(text, tuple(sign(PRIVATE[one], NAME, text) for one in signers)))


def leaf_of(note: str) -> bytes:
    return json.dumps({"kind": "checkpoint_key", "detail": {"note": note}}).encode()


def rotation(old: int, new: int, *, index: int = 1, note: str = "", signer: int | None = None) -> dict[str, Any]:
    """Record `index` of as many and one hands over from one key to another; those before it are all the same."""
    leaf = leaf_of(note or note_by(announce(NAME, KEYS[old], KEYS[new]), old, new))
    path = [OTHER] if index == 1 else [OTHER, node_hash(OTHER, OTHER)] if index == 3 else []
    root = leaf_hash(leaf)
    for sibling in path:
        root = node_hash(sibling, root)
    checkpoint = note_by(Checkpoint(NAME, index + 1, root).text(), old if signer is None else signer)
    return {
        "index": index,
        "size": index + 1,
        "leaf": b64encode(leaf).decode(),
        "path": [hash_.hex() for hash_ in path],
        "checkpoint": checkpoint,
    }


def test_a_key_follows_and_each_size_has_one_key() -> None:
    chain = KeyChain(KEYS[0])
    chain.follow(rotation(0, 1))
    chain.follow(rotation(1, 2, index=3))
    assert [chain.key_for(size) for size in (0, 2, 3, 4, 5)] == [KEYS[0], KEYS[0], KEYS[1], KEYS[1], KEYS[2]]
    assert (chain.announced, chain.tip) == ({1, 3}, KEYS[2])
    text = Checkpoint(NAME, 3, OTHER).text()
    assert chain.open(note_by(text, 1)).size == 3
    assert chain.open(note_by(text, 0, 1)).size == 3, "another signature beside the right one harms nothing"
    for signer, why in ((0, "record 1 retired"), (2, "only record 3 announces")):
        with pytest.raises(BadNote, match=why):
            chain.open(note_by(text, signer))


@pytest.mark.parametrize("signers", [(1,), (0,), ()])
def test_an_announcement_needs_both_signatures(signers: tuple[int, ...]) -> None:
    """The old key's says who may hand over, the new key's that somebody holds it."""
    unsigned = note_by(announce(NAME, KEYS[0], KEYS[1]), *signers) if signers else ""
    with pytest.raises(BadNote):
        KeyChain(KEYS[0]).follow(rotation(0, 1, note=unsigned or announce(NAME, KEYS[0], KEYS[1]) + "\n"))


def test_an_announcement_is_of_this_log_and_key() -> None:
    said = announce(NAME, KEYS[0], KEYS[1])
    assert successor(note_by(said, 0, 1), KEYS[0]) == KEYS[1]
    for text in (said.replace(NAME + "\n", "other.example/x\n", 1), said + "more\n", said.replace("key/1", "key/2")):
        with pytest.raises(BadNote):
            successor(note_by(text, 0, 1), KEYS[0])
    with pytest.raises(BadNote):
        successor(note_by(said, 0, 1, 2), KEYS[2])


def test_the_announcement_is_the_last_record_of_its_checkpoint() -> None:
    wrong = rotation(0, 1)
    leaf = b64encode(leaf_of(note_by(announce(NAME, KEYS[0], KEYS[1]), 0, 1))).decode()
    first = leaf_hash(leaf_of(note_by(announce(NAME, KEYS[0], KEYS[1]), 0, 1)))
    longer = note_by(Checkpoint(NAME, 2, node_hash(first, OTHER)).text(), 0)
    wrong |= {"index": 0, "leaf": leaf, "path": [OTHER.hex()], "checkpoint": longer}
    with pytest.raises(BadNote, match="has size 2"):
        KeyChain(KEYS[0]).follow(wrong)


def test_it_is_under_the_key_whose_turn_it_was() -> None:
    with pytest.raises(BadNote):
        KeyChain(KEYS[0]).follow(rotation(0, 1, signer=2))
    with pytest.raises(BadNote):
        KeyChain(KEYS[1]).follow(rotation(0, 2))


def test_a_key_never_comes_back_and_time_never_goes_back() -> None:
    chain = KeyChain(KEYS[0])
    chain.follow(rotation(0, 1))
    with pytest.raises(BadNote, match="in use before"):
        chain.follow(rotation(1, 0, index=3))
    with pytest.raises(BadNote):
        chain.follow(rotation(1, 2, index=1))


def test_other_records_are_no_announcements() -> None:
    assert is_announcement(leaf_of("x"))
    for leaf in (b'{"kind":"intent","detail":"checkpoint_key"}', b"checkpoint_key", b"[]", b'{"kind":"outcome"}'):
        assert not is_announcement(leaf)
