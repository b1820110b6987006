"""What the server says by a code, the console says in the viewer's language."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import chargehand.runs.guard  # noqa: F401  # the one error that is declared elsewhere
from chargehand.errors import ChargehandError

WORDS = Path(__file__).parents[2] / "web" / "src" / "i18n"


def codes(of: type[ChargehandError]) -> Iterator[str]:
    yield of.code
    for each in of.__subclasses__():
        yield from codes(each)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_code_of_an_error_has_words(language: str) -> None:
    said = json.loads((WORDS / language / "common.json").read_text("utf-8"))["problem"]
    assert set(said) == {code.replace("-", "_") for code in codes(ChargehandError)}
