"""Pages: every item once, in order, within the caps, whatever the sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.connectors import paging
from chargehand.connectors.declare import Result
from chargehand.errors import BadInput


class Item(Result):
    number: int
    text: str


@given(st.lists(st.integers(0, 200_000), max_size=12), st.integers(1, 5))
def test_all_pages_together_are_the_list(sizes: list[int], limit: int) -> None:
    items = [Item(number=number, text="x" * size) for number, size in enumerate(sizes)]
    seen: list[Item] = []
    cursor = ""
    while True:
        position = paging.after(cursor)
        rest = [item for item in items if not position or item.number > int(position)]
        page, cursor = paging.cut(rest, lambda item: str(item.number), limit=limit)
        assert len(page) <= limit
        assert len(page) <= 1 or sum(len(item.model_dump_json()) for item in page) <= paging.MAX_PAGE_BYTES
        seen += page
        if not cursor:
            break
        assert page, "a page with a cursor gets the reader on"
    assert seen == items


def test_the_system_may_say_that_there_is_more() -> None:
    page, cursor = paging.cut([Item(number=1, text="")], lambda item: str(item.number), limit=5, more=True)
    assert len(page) == 1
    assert paging.after(cursor) == "1"


@pytest.mark.parametrize("cursor", ["x", "e30=", "W10=", "eyJhZnRlciI6MX0=", "é", "\x00", "=" * 500])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(BadInput, match="cursor"):
        paging.after(cursor)
