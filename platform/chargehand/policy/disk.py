"""Whether the policy files on disk are what is in force. After a start they may not be: a file was edited, or the
database took over and files are a proposal that nobody drafted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chargehand.policy.compiling import MODEL, content_hash, revision_of
from chargehand.policy.snapshot import Documents


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A tenant's files as they are now. `differs` names those that are changed, only there, or only in force.

    `revision` is what they would be in force as, empty where there are none; cases do not count towards it.
    """

    revision: str
    differs: tuple[str, ...]


def on_disk(folder: Path, tenant: str, in_force: Documents, model: str) -> OnDisk:
    """Compare a tenant's folder under the policies folder with the files in force; reads, never compiles."""
    found = _read(folder / tenant)
    here = _text(folder / MODEL)
    differs = [name for name in sorted({*found, *in_force}) if not _same(found.get(name), in_force.get(name))]
    if not _same(here, model):
        differs.append(f"../{MODEL}")
    return OnDisk(revision_of(found, here or "") if found else "", tuple(differs))


def _read(folder: Path) -> Mapping[str, str]:
    if not folder.is_dir():
        return {}
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    texts = {path.relative_to(folder).as_posix(): _text(path) for path in paths}
    return {name: text if text is not None else "" for name, text in texts.items()}


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # what can't be read is not what is in force
        return None


def _same(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    return content_hash({"": one}) == content_hash({"": other})
