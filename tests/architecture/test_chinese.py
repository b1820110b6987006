"""What the server says to people has its Chinese in the console: its errors, their ways out, and events of its log."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import get_args

import pytest

from chargehand.identity.model import SignInFact
from chargehand.policy.messages import MESSAGES
from support.sentences import PLATFORM, events, files, sentences

WEB = Path(__file__).parents[2] / "web" / "src" / "i18n"
ROOMS = (
    "approvals",
    "identity",
    "risk",
    "gateway",
    "audit",
    "agents/catalog.py",
    "agents/forms.py",
    "api/console.py",
    "api/gate.py",
    "api/problems.py",
    "api/sign_ins.py",
    "connectors/quarantine.py",
    "connectors/service.py",
    "database.py",
    "policy/activation.py",
    "policy/drafts.py",
    "policy/revisions.py",
    "policy/routes.py",
    "runs/errands.py",
    "runs/following.py",
    "runs/retry.py",
    "runs/routes.py",
    "runs/service.py",
    "runs/starts.py",
    "runs/steering.py",
    "runs/triggers",
)
"""Where people who use the console are answered. What workers, authors and the command line are told is English."""
OPERATORS = {
    f"audit/{name}.py"
    for name in ("chain", "evidence", "holder", "integrator", "keeper", "keys", "leaf", "projection", "published",
                 "rotation", "siem", "tree", "verifier", "witness_server", "witnesses", "format", "store", "words")
}  # fmt: skip
"""In these rooms, but said to who runs the installation: in a process's own log, or on the command line."""
EXTRA = {
    "approvals/quorum.py": ("_refusal",),
    "approvals/standing.py": ("sentence",),
    "gateway/ask.py": ("_refusal",),
    "gateway/budgets.py": ("reserve",),
    "gateway/grant.py": ("_outgrown",),
    "runs/retry.py": ("_refused", "refused", "why"),
}
"""Functions and variables whose sentences are raised elsewhere."""
COMPUTED = {
    "agents/forms.py": "the schema's checker words it (`foreign`), or the author of the form",
    "approvals/quorum.py": "from `_refusal`",
    "approvals/service.py": "from quorum.py",
    "audit/filter.py": "passed on by `_bad`",
    "gateway/ask.py": "from `_refusal`",
    "gateway/copies.py": "a mark in place of what was erased",
    "gateway/decide.py": "of a freeze (`parts`), or of the proposal",
    "gateway/grant.py": "from `_outgrown` and budgets.py",
    "gateway/propose.py": "of the checker, or the policy's files",
    "gateway/record.py": "of the rules (`policy`, or their own files)",
    "gateway/repeat.py": "as decided",
    "gateway/settle.py": "of the connector",
    "policy/activation.py": "of the linter",
    "policy/revisions.py": "of the cases",
    "runs/errands.py": "as the gateway raised it",
    "runs/retry.py": "from `_refused`",
}
"""Files in which something is raised that is worded elsewhere, and where."""
HELPERS = ("record_of", "_absence_record", "_record")
NO_EVENTS = {"run", "person_task", "frozen", "lifted"}
"""Words that the helpers are given which are none: kinds of records, and what becomes an outcome."""
SAID = [path for path in files(ROOMS) if str(path.relative_to(PLATFORM)) not in OPERATORS]


def room(path: Path) -> str:
    return str(path.relative_to(PLATFORM))


@pytest.fixture(scope="module")
def chinese() -> dict[str, dict[str, str]]:
    return json.loads((WEB / "sentences" / "zh.json").read_text("utf-8"))


def test_every_sentence_that_people_meet_has_its_chinese_and_none_is_left_over(
    chinese: dict[str, dict[str, str]],
) -> None:
    found = {text for path in SAID for text in sentences(path, EXTRA.get(room(path), ()))[0]}
    known = chinese["sentences"].keys() | chinese["parts"].keys()
    assert sorted(found - known) == [], "say it in Chinese in web/src/i18n/sentences/zh.json"
    assert sorted(chinese["sentences"].keys() - found) == [], "nothing says this any more"


def test_a_sentence_that_is_worded_elsewhere_is_known_to_be() -> None:
    assert {room(path) for path in SAID if sentences(path, EXTRA.get(room(path), ()))[1]} - COMPUTED.keys() == set()


def test_the_same_values_are_filled_in(chinese: dict[str, dict[str, str]]) -> None:
    said = {english: words for group in chinese.values() for english, words in group.items()}
    filled = {
        english: {name for _, name, _, _ in string.Formatter().parse(words) if name} for english, words in said.items()
    }
    wrong = [english for english, names in filled.items() if names != set(map(str, range(english.count("{}"))))]
    assert wrong == []


def test_the_policy_says_here_what_it_says_there(chinese: dict[str, dict[str, str]]) -> None:
    assert chinese["policy"] == {_template(english): _numbered(english, words) for english, words in MESSAGES.values()}


def _fields(text: str) -> list[tuple[str, str | None]]:
    return [(before, name) for before, name, _, _ in string.Formatter().parse(text)]


def _template(english: str) -> str:
    return "".join(before + ("" if name is None else "{}") for before, name in _fields(english))


def _numbered(english: str, words: str) -> str:
    order = [name for _, name in _fields(english) if name]
    return "".join(before + ("" if name is None else f"{{{order.index(name)}}}") for before, name in _fields(words))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_event_of_the_log_has_words(language: str) -> None:
    said = json.loads((WEB / language / "log.json").read_text("utf-8"))["log"]["event"]
    rooms = ("approvals", "connectors", "gateway", "policy", "risk", "runs")
    found = {word.replace(" ", "_") for path in files(rooms) for word in events(path, HELPERS)}
    written = {word for word in found if word.replace("_", "").islower()} - NO_EVENTS
    assert written | set(get_args(SignInFact)) <= said.keys()
