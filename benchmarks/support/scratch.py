"""Where a benchmark keeps what it writes: on the disk of the checkout, in the folder that git and builds leave out."""

from __future__ import annotations

import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def scratch(prefix: str) -> Path:
    """A new folder there; whoever makes it removes it."""
    place = ROOT / ".chargehand" / "benchmarks"
    place.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=prefix, dir=place))
