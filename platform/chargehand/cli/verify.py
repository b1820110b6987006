"""`chargehand verify`: check an evidence file or proof without the platform, its database or a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chargehand.audit import verifier
from chargehand.audit.format import BadNote, VerifierKey
from chargehand.cli.failure import NOT_VERIFIED, USAGE, CommandFailed
from chargehand.cli.show import Json, clean, err, json_out, out


def verify(
    file: Annotated[Path, typer.Argument(help="Evidence .zip, or the .json proof of one record.")],
    key: Annotated[str, typer.Option(help="The log's verifier key, or a file with it. Take it from elsewhere.")] = "",
    checkpoint: Annotated[list[Path] | None, typer.Option(help="A checkpoint kept elsewhere; repeat.")] = None,
    witness: Annotated[list[str] | None, typer.Option(help="Key of a witness that must have cosigned; repeat.")] = None,
    log: Annotated[Path | None, typer.Option(help="A copy of the published log's folder.")] = None,
    as_json: Json = False,
) -> None:
    """Recompute every hash, root and signature. Names the first record that does not fit, and ends with 4."""
    try:
        report = verifier.verify(
            file,
            key=_key(key) if key else None,
            checkpoints=[note for path in checkpoint or () for note in _notes(path)],
            witnesses=[_key(text) for text in witness or ()],
            log=log,
        )
    except (verifier.NotEvidence, BadNote, OSError, ValueError, KeyError) as error:
        raise CommandFailed(
            f"{file} can't be read as evidence: {error}", code=USAGE, way_out="Export it again: chargehand log export"
        ) from None
    if as_json:
        json_out(report.as_json())
    else:
        for line in report.lines():
            out.print(clean(line))
        if not key:
            err.print("[yellow]![/] The key came from the file itself. Give the one you know: --key")
    if not report.ok:
        first = report.problems[0].detail if report.problems else "It does not fit."
        raise CommandFailed(f"Not verified: {first}", code=NOT_VERIFIED)


def _key(text: str) -> VerifierKey:
    path = Path(text)
    return VerifierKey.parse(path.read_text("utf-8").strip() if path.is_file() else text)


def _notes(path: Path) -> list[str]:
    """A file holds one signed note."""
    return [path.read_text("utf-8")]
