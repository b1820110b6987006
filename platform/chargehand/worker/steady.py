"""Agent workers walk a set of texts in one order, so that a run goes on in another process as in the first.

Python orders it by a seed that each process draws; ours comes from the payload key, which all workers share and nobody
outside knows: who sends input can't make keys of it that collide.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

SEED = "PYTHONHASHSEED"


def steady(payload_key: Path) -> dict[str, str]:
    """What an agent worker's environment needs. Raises BadSettings as `runs.codec.payload_key` does."""
    if not payload_key.exists():
        from chargehand.runs.codec import payload_key as make

        make(payload_key)
    seed = int.from_bytes(sha256(b"order of sets" + payload_key.read_bytes()).digest()[:4], "big")
    return {SEED: str(seed)}
