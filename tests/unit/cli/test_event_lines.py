"""A stream of events as the command line reads it, whatever somebody says in it and wherever it is cut."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from sse_starlette import ServerSentEvent

from chargehand.cli.client import lines, parse_events

ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}\0"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(ENDS))


@given(st.lists(TEXTS, max_size=5), st.integers(1, 7))
def test_what_was_said_arrives(said: list[str], piece: int) -> None:
    sent = b"".join(
        ServerSentEvent(json.dumps({"text": one}, ensure_ascii=False), event="text", id=str(number)).encode()
        for number, one in enumerate(said)
    )
    pieces = [sent[at : at + piece] for at in range(0, len(sent), piece)]
    found = [(one.id, one.name, one.data) for one in parse_events(lines(pieces))]
    assert found == [(str(number), "text", {"text": one}) for number, one in enumerate(said)]
