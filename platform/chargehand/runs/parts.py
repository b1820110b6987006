"""A payload cut into parts so that what two payloads share is the same part: a conversation is stored once.

A model call sends the whole conversation again, with a little more at its end. Cuts are made where the bytes say so
(between the objects of a JSON list, or at a rare pattern of bytes, chosen by a checksum of what stands before), so the
same beginning gives the same parts whatever follows, and after a change the cuts fall into step again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from zlib import crc32

SMALLEST = 4 * 1024
LARGEST_MINIMUM = 256 * 1024
_STRETCH = 4
_EVEN, _ODD = (b"[%s]" % b"".join(b"\\x%02x" % code for code in range(first, 256, 2)) for first in (0, 1))
# Between objects; or where ten bytes in a row are even and odd in this order, about once in a thousand in any text.
_PLACES = re.compile(rb"\},(?=\{)|" + b"".join(_ODD if bit == "1" else _EVEN for bit in "1001011010"))
_APART = 1024


def cut(data: bytes) -> Iterator[bytes]:
    """The parts in order; together they are `data`. From 4 KiB each up to 1 MiB: far into a payload they are larger."""
    start = 0
    for end in _cuts(data):
        yield data[start:end]
        start = end
    if start < len(data):
        yield data[start:]


def _cuts(data: bytes) -> Iterator[int]:
    start = 0
    places = _places(data)
    place = next(places, None)
    while len(data) - start > (smallest := _smallest(start)):
        latest = start + smallest * _STRETCH
        end = min(latest, len(data))
        # One place in so many, the larger the parts the fewer: about as far apart as a part is long, or else two cuts
        # that are out of step would hardly ever meet.
        mask = (1 << (smallest // _APART).bit_length() - 1) - 1
        while place is not None and place[0] <= latest:
            if place[0] - start >= smallest and place[1] & mask == 0:
                end = place[0]
                break
            place = next(places, None)
        if end >= len(data):
            return
        yield end
        start = end


def _places(data: bytes) -> Iterator[tuple[int, int]]:
    """Where a cut may be, with a checksum of what stands between it and the place before."""
    before = 0
    for found in _PLACES.finditer(data):
        at = found.end()
        yield at, crc32(data[before:at])
        before = at


def _smallest(start: int) -> int:
    """A large payload is not thousands of files: the smallest part grows with the place where it begins."""
    return max(SMALLEST, min(LARGEST_MINIMUM, start // 64))
