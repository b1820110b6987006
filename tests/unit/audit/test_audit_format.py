"""Tree, proofs and notes against published vectors, and properties that must always hold."""

from __future__ import annotations

import tempfile
from base64 import b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from chargehand.audit.format import (
    COSIGNATURE_V1,
    EMPTY_ROOT,
    BadNote,
    Checkpoint,
    Frontier,
    Note,
    VerifierKey,
    cosign,
    leaf_hash,
    node_hash,
    open_checkpoint,
    root_of,
    sign,
    tile_path,
    verify_consistency,
    verify_inclusion,
)
from chargehand.audit.tree import BadTree, TileTree

# Certificate Transparency's own test vectors for RFC 6962 (merkletree tests of certificate-transparency-go).
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {  # (index, size): path
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {  # (old, new): path
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def unhex(path: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in path]


def tree_of(folder: Path, leaves: list[bytes]) -> TileTree:
    tree = TileTree(folder, 0)
    tree.append([leaf_hash(leaf) for leaf in leaves])
    tree.flush()
    return tree


def test_the_empty_tree_has_the_root_of_rfc_6962() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Frontier().root() == EMPTY_ROOT


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_vectors(size: int, tmp_path: Path) -> None:
    assert root_of(leaf_hash(leaf) for leaf in LEAVES[:size]).hex() == ROOTS[size - 1]
    assert tree_of(tmp_path, LEAVES).root(size).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_are_those_of_the_vectors(index: int, size: int, tmp_path: Path) -> None:
    path = unhex(INCLUSION[index, size])
    assert tree_of(tmp_path, LEAVES).inclusion(index, size) == path
    assert verify_inclusion(leaf_hash(LEAVES[index]), index, size, path, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_consistency_proofs_are_those_of_the_vectors(old: int, new: int, tmp_path: Path) -> None:
    path = unhex(CONSISTENCY[old, new])
    assert tree_of(tmp_path, LEAVES).consistency(old, new) == path
    assert verify_consistency(old, new, bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1]), path)


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH, letter by letter from RFC 6962 section 2.1."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 1200), st.data())
def test_tiles_give_the_roots_and_proofs_of_the_definition(size: int, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        leaves = [str(n).encode() for n in range(size)]
        cut = data.draw(st.integers(0, size))
        tree_of(Path(folder), leaves[:cut])
        tree = TileTree(Path(folder), cut)
        tree.append([leaf_hash(leaf) for leaf in leaves[cut:]])
        tree.flush()
        tree.prune()
        tree = TileTree(Path(folder), size)
        root = naive_root(leaves)
        assert tree.root() == root == tree.frontier(size).root()
        index = data.draw(st.integers(0, size - 1))
        path = tree.inclusion(index, size)
        assert verify_inclusion(leaf_hash(leaves[index]), index, size, path, root)
        old = data.draw(st.integers(0, size))
        assert verify_consistency(old, size, naive_root(leaves[:old]), root, tree.consistency(old, size))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 300), st.data())
def test_no_proof_holds_for_anything_else(size: int, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tree = tree_of(Path(folder), [str(n).encode() for n in range(size)])
        index = data.draw(st.integers(0, size - 1))
        leaf, path, root = leaf_hash(str(index).encode()), tree.inclusion(index, size), tree.root(size)
        other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index))
        assert not verify_inclusion(leaf, other, size, path, root)
        assert not verify_inclusion(leaf_hash(b"x"), index, size, path, root)
        assert not verify_inclusion(leaf, index, size, [*path, root], root)
        assert not verify_inclusion(leaf, index, size, path[:-1], root)
        assert not verify_inclusion(leaf, size, size, path, root)
        assert not verify_inclusion(leaf, index, 4 * size, path, root), "a taller tree has longer proofs"
        at = data.draw(st.integers(0, len(path) - 1))
        broken = [*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]]
        assert not verify_inclusion(leaf, index, size, broken, root)
        old = data.draw(st.integers(1, size - 1))
        proof = tree.consistency(old, size)
        assert not verify_consistency(old, size, EMPTY_ROOT, root, proof)
        assert not verify_consistency(old, size, tree.root(old), leaf, proof)
        assert not verify_consistency(size, old, root, tree.root(old), proof)


def test_a_frontier_must_fit_its_size() -> None:
    with pytest.raises(ValueError, match="3 has 2 subtrees"):
        Frontier(3, [EMPTY_ROOT])


def test_a_full_tile_is_never_overwritten(tmp_path: Path) -> None:
    tree_of(tmp_path, [bytes([n % 256]) for n in range(256)])
    again = TileTree(tmp_path, 0)
    again.append([leaf_hash(b"other")] * 256)
    with pytest.raises(BadTree, match="written before"):
        again.flush()


def test_a_torn_tile_is_noticed(tmp_path: Path) -> None:
    tree_of(tmp_path, LEAVES)
    path = tmp_path / tile_path(0, 0, 8)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadTree, match="torn"):
        TileTree(tmp_path, 8).root()


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        (1, 7, 3, "tile/1/007.p/3"),
        (2, 1000, 256, "tile/2/x001/000"),
    ],
)
def test_tile_paths_are_those_of_c2sp(level: int, index: int, width: int, path: str) -> None:
    assert tile_path(level, index, width) == path


# The example of https://c2sp.org/signed-note, made by golang.org/x/mod/sumdb/note.
EXAMPLE_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
EXAMPLE_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_signed_by_another_implementation_verifies() -> None:
    key = VerifierKey.parse(EXAMPLE_KEY)
    assert Note.parse(EXAMPLE_NOTE).signed_by(key)
    assert str(key) == EXAMPLE_KEY
    assert not Note.parse(EXAMPLE_NOTE.replace("answer", "Answer")).signed_by(key)


@given(st.integers(0, 2**40), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_opens_with_its_key_only(size: int, root: bytes) -> None:
    private = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
    key = VerifierKey("log.example/demo", private.public_key().public_bytes_raw())
    checkpoint = Checkpoint("log.example/demo", size, root)
    note = str(Note(checkpoint.text(), (sign(private, key.name, checkpoint.text()),)))
    assert open_checkpoint(note, key) == checkpoint
    other = VerifierKey(key.name, Ed25519PrivateKey.from_private_bytes(b"\x08" * 32).public_key().public_bytes_raw())
    with pytest.raises(BadNote, match="not signed by"):
        open_checkpoint(note, other)
    with pytest.raises(BadNote, match="not signed by"):
        open_checkpoint(note.replace(f"\n{size}\n", f"\n{size + 1}\n", 1), key)


def test_a_checkpoint_of_another_origin_is_refused() -> None:
    private = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
    key = VerifierKey("log.example/demo", private.public_key().public_bytes_raw())
    text = Checkpoint("log.example/other", 1, EMPTY_ROOT).text()
    with pytest.raises(BadNote, match=r"other.*not of"):
        open_checkpoint(str(Note(text, (sign(private, key.name, text),))), key)


def test_a_cosignature_binds_its_time() -> None:
    private = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
    key = VerifierKey("witness.example", private.public_key().public_bytes_raw(), COSIGNATURE_V1)
    text = Checkpoint("log.example/demo", 1, EMPTY_ROOT).text()
    signature = cosign(private, key.name, text, 1_700_000_000)
    note = Note(text, (signature,))
    assert note.signed_by(key)
    moved = type(signature)(signature.name, signature.key_id, (1_700_000_001).to_bytes(8, "big") + signature.data[8:])
    assert not Note(text, (moved,)).signed_by(key)


@pytest.mark.parametrize(
    "note", ["", "a\n", "a\n\n", "a\n\nnot a signature\n", "a\n\n\u2014 x !!\n", "a\n\n\u2014 x AAAA\n"]
)
def test_what_is_no_note_is_said_to_be_none(note: str) -> None:
    with pytest.raises(BadNote):
        Note.parse(note)


@pytest.mark.parametrize("text", ["x\n01\n" + "A" * 43 + "=\n", "x\n-1\nAA==\n", "x\n1\nAA==\n", "\n1\n", "x\n1"])
def test_what_is_no_checkpoint_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadNote):
        Checkpoint.parse(text)


def test_the_vectors_are_base64_of_32_bytes() -> None:
    assert len(b64decode(EXAMPLE_KEY.rsplit("+", 1)[1])) == 33
