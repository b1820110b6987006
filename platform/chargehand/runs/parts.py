"""A payload cut into parts so that what two payloads share is the same part: a conversation is stored once.

A model call sends the whole conversation again, with a little more at its end. Cuts are made where the bytes say so
(between the objects of a JSON list, chosen by a checksum of what stands before), so the same beginning gives the same
parts whatever follows, and after a change the cuts fall into step again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from zlib import crc32

SMALLEST = 4 * 1024
LARGEST_MINIMUM = 256 * 1024
_STRETCH = 4
_BETWEEN_OBJECTS = re.compile(rb"\},\{")
_ONE_IN = 4


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
        while place is not None and place <= latest:
            if place - start >= smallest:
                end = place
                break
            place = next(places, None)
        if end >= len(data):
            return
        yield end
        start = end


def _places(data: bytes) -> Iterator[int]:
    """Between objects; one place in four, by what the object before it holds."""
    before = 0
    for found in _BETWEEN_OBJECTS.finditer(data):
        at = found.start() + 2
        if crc32(data[before:at]) % _ONE_IN == 0:
            yield at
        before = at


def _smallest(start: int) -> int:
    """A large payload is not thousands of files: the smallest part grows with the place where it begins."""
    return max(SMALLEST, min(LARGEST_MINIMUM, start // 64))
