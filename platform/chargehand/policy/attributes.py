"""What conditions read of the principals in a chain: of people what identity keeps, of agents what they declare.

Nothing is read until a condition asks for it, so policies without such conditions pay nothing. What is read is kept for
that one decision, so that all rules see the same. Absent denies (see `facts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

OF_AGENTS = frozenset({"owner", "version"})
"""Attributes that every agent has by its declaration."""

Known = Callable[[str], Mapping[str, str]]
"""A principal's attributes, by its id."""


class Attributes(Mapping[str, Mapping[str, str]]):
    """For one decision of one tenant. `stored` reads a person or service, `declared` an agent; both may raise: that
    denies."""

    def __init__(self, stored: Known, declared: Known) -> None:
        self._stored = stored
        self._declared = declared
        self._read: dict[str, Mapping[str, str]] = {}

    def __getitem__(self, principal: str) -> Mapping[str, str]:
        found = self._read.get(principal)
        if found is None:
            known = self._declared if principal.startswith("agent:") else self._stored
            found = self._read[principal] = {name: value for name, value in known(principal).items() if value}
        return found

    def __iter__(self) -> Iterator[str]:
        """Those asked for until now."""
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)
