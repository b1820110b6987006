"""Take secrets and people out of a recording, so that it can be kept beside the code.

The same value becomes the same word wherever it stands, also inside longer texts: what an agent makes of a scrubbed
answer is then what it was recorded to make. Scrubbed are

- secrets: fields that are named like one, texts that look like one, and the values of `secrets` (credentials of the
  connectors' own environment);
- people: mail addresses; fields that are named for a phone, an address, a bank account, a date of birth; the name
  beside a mail address; and whom a tool's review calls a person (docs/connectors.md).

What an agent says of itself, such as its own finance department's address, did not come from outside and stays. So does
what else a free text says about a person: read a recording before you commit it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from chargehand.connectors.model import PersonalData
from chargehand.testing.case import Case

_SECRET_NAME = re.compile(
    r"passw|secret|token$|api_?key|private_?key|authorization|credential|cookie|^pin$", re.IGNORECASE
)
_SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----"
    r"|\b(?:Bearer|Basic)\s+[A-Za-z0-9+/_.=-]{12,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"
    r"|\b(?:sk|pk|rk)[-_](?:live|test|proj)?[-_]?[A-Za-z0-9_-]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bxox[abposr]-[A-Za-z0-9-]{10,}|\bAKIA[0-9A-Z]{16}\b"
    r"|(?<=://)[^/\s:@]+:[^/\s:@]+(?=@)",
    re.DOTALL,
)
_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_PERSONAL_NAME = {
    "phone": re.compile(r"phone|mobile|^fax$", re.IGNORECASE),
    "address": re.compile(r"address$|street|postcode|zip_?code", re.IGNORECASE),
    "account": re.compile(r"iban|account_number|card_number", re.IGNORECASE),
    "birthday": re.compile(r"birth", re.IGNORECASE),
}
MASK = "(secret)"
_LONG = 8
_SHORTEST = 4
"""Shorter values are replaced only where they are the whole text: inside others they would hit by chance."""


class Scrubber:
    """Collects what must not stay, then replaces it everywhere. `secrets`: values; `personal`: by tool, as reviewed."""

    def __init__(
        self, secrets: Iterable[str] = (), personal: Mapping[str, Iterable[PersonalData]] | None = None
    ) -> None:
        self._secrets = {one for one in secrets if len(one) >= _SHORTEST}
        self._personal = personal or {}
        self._words: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._outside: set[str] = set()
        self._agents: set[str] = set()

    def case(self, case: Case) -> Case:
        """The case without secrets and people."""
        whole = case.model_dump(mode="json", exclude={"name", "agent", "version", "recorded_at", "by", "about"})
        for given in (whole["input"], *(one["answer"] for one in whole["people"])):
            self._look(given, "")
        lines: list[dict[str, Any]] = list(whole["model"])
        for number, call in enumerate(whole["calls"]):
            while lines and lines[0]["after"] <= number:
                self._ask(lines.pop(0))
            self._own(call["arguments"])
            for personal in self._personal.get(call["tool"], ()):
                if personal.subject in personal.fields:  # who it is; the other fields are texts about them
                    self._note(personal.kind, call["arguments"].get(personal.subject))
            self._look([call["answer"], call["failure"]], "")
        for line in lines:
            self._ask(line)
        changed = {**case.model_dump(mode="json"), **cast("dict[str, Any]", self._replaced(whole, ""))}
        return Case.model_validate(changed)

    def _ask(self, line: Mapping[str, Any]) -> None:
        self._own((line["asked"] or {}).get("messages"))
        self._look([line["text"], line["tool_calls"]], "")

    def _own(self, arguments: Any) -> None:
        """Words that an agent uses before anybody gave them to it."""
        for text in _texts(arguments):
            for word in (text, *_MAIL.findall(text)):
                if not any(word in seen for seen in self._outside):
                    self._agents.add(word)

    def _look(self, value: Any, name: str) -> None:
        if isinstance(value, dict):
            fields = cast("dict[str, Any]", value)
            mails = [one for key, one in fields.items() if "mail" in key.lower() and isinstance(one, str)]
            if any(_MAIL.fullmatch(one) for one in mails):
                self._note("person", fields.get("name"))
            for key, one in fields.items():
                self._look(one, key)
        elif isinstance(value, list):
            for one in cast("list[Any]", value):
                self._look(one, name)
        elif isinstance(value, str):
            self._outside.add(value)
            if len(value) >= _LONG and _SECRET_NAME.search(name):
                self._secrets.add(value)  # it may stand elsewhere too, in what a model was asked
            for found in _MAIL.findall(value):
                self._note("mail", found)
            for kind, pattern in _PERSONAL_NAME.items():
                if pattern.search(name) and not _MAIL.search(value):
                    self._note(kind, value)

    def _note(self, kind: str, value: Any) -> None:
        if not isinstance(value, str) or not value.strip() or value in self._words or value in self._agents:
            return
        if kind in ("mail", "email") and not _MAIL.fullmatch(value):
            return
        kind = "mail" if kind == "email" else "person" if kind == "customer" else kind
        number = self._counts[kind] = self._counts.get(kind, 0) + 1
        self._words[value] = f"person-{number}@example.com" if kind == "mail" else f"{kind.capitalize()} {number}"

    def _replaced(self, value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return {key: self._replaced(one, key) for key, one in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [self._replaced(one, name) for one in cast("list[Any]", value)]
        if not isinstance(value, str) or not value:
            return value
        if _SECRET_NAME.search(name):
            return MASK
        return self._text(value)

    def _text(self, value: str) -> str:
        if value in self._words:
            return self._words[value]
        for secret in sorted(self._secrets, key=len, reverse=True):
            for written in _written(secret):
                value = value.replace(written, MASK)
        value = _SECRET_TEXT.sub(MASK, value)
        for found in sorted(self._words, key=len, reverse=True):
            if len(found) >= _SHORTEST:
                for written in _written(found):
                    value = value.replace(written, self._words[found])
        return value


def _written(text: str) -> Iterator[str]:
    """A text as it is, and as it stands in JSON: tools' answers are in a question to a model as JSON."""
    yield from dict.fromkeys((text, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1]))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in cast("dict[str, Any]", value).values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from _texts(one)
    elif isinstance(value, str):
        yield value
