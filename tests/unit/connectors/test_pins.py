"""Pins: the reviewed definition, whole; any change of it is told apart, and no file that was tampered with counts."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.connectors import pins as pins_module
from chargehand.connectors.changes import compare
from chargehand.connectors.definition import digest
from chargehand.connectors.model import Connector, Pin, Review
from chargehand.connectors.pins import PinBook, load_pins, make_pin, write_pins
from chargehand.errors import BadInput, BadPolicy

DEFINITION: dict[str, Any] = {
    "name": "update_case",
    "description": "Set the status of a case.",
    "inputSchema": {
        "type": "object",
        "properties": {"case": {"type": "string"}, "status": {"type": "string", "enum": ["open", "closed"]}},
        "required": ["case", "status"],
    },
    "outputSchema": {"type": "object", "properties": {"done": {"type": "boolean"}}},
    "annotations": {"readOnlyHint": False, "idempotentHint": True},
}
REVIEW = Review("crm.update_case", "update_case", "write", "once", says="Set {case} to {status}")
CONNECTOR = Connector("crm", "CRM", "", (), command=("crm",), allowed=(REVIEW,))


def pin() -> Pin:
    return make_pin(REVIEW, DEFINITION)


def test_pins_come_back_from_their_file(tmp_path: Path) -> None:
    write_pins(tmp_path, CONNECTOR, [pin()])
    assert load_pins(tmp_path) == {"crm.update_case": pin()}


def test_no_folder_is_no_pins(tmp_path: Path) -> None:
    assert load_pins(tmp_path) == {}
    assert PinBook(tmp_path).get("crm.update_case") is None


@pytest.mark.parametrize(
    "tamper",
    [
        lambda file: file["tools"][0]["definition"].update(description="Set it and pay."),
        lambda file: file["tools"][0].update(digest="sha256:" + "0" * 64),
        lambda file: file["tools"][0].update(effect="none"),
        lambda file: file["tools"][0].update(tool="erp.update_case"),
        lambda file: file["tools"][0].update(says="Set {nothing}"),
        lambda file: file["tools"][0]["definition"].update(extra=1),
        lambda file: file["tools"].append(file["tools"][0]),
        lambda file: file.update(connector="erp"),
        lambda file: file.update(more=1),
        lambda file: file["tools"][0]["definition"]["inputSchema"].update({"$ref": "http://127.0.0.1/x"}),
    ],
)
def test_a_file_that_was_tampered_with_leaves_no_pin_in_force(tmp_path: Path, tamper: Any) -> None:
    path = write_pins(tmp_path, CONNECTOR, [pin()])
    file = json.loads(path.read_text())
    tamper(file)
    path.write_text(json.dumps(file))
    with pytest.raises(BadPolicy, match=r"crm\.json"):
        load_pins(tmp_path)
    book = PinBook(tmp_path)
    for _ in range(2):
        with pytest.raises(BadPolicy):
            book.get("crm.update_case")


def test_a_key_that_appears_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    path = write_pins(tmp_path, CONNECTOR, [pin()])
    path.write_text(path.read_text().replace('"effect": "write"', '"effect": "write", "effect": "read"'))
    with pytest.raises(BadPolicy, match="twice"):
        load_pins(tmp_path)


def test_a_changed_file_is_in_force_within_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins_module, "RELOAD_SECONDS", 0.0)
    book = PinBook(tmp_path)
    assert book.get("crm.update_case") is None
    path = write_pins(tmp_path, CONNECTOR, [pin()])
    assert book.get("crm.update_case") == pin()
    path.write_text("{}")
    with pytest.raises(BadPolicy):
        book.get("crm.update_case")
    path.unlink()
    assert book.get("crm.update_case") is None


def test_the_digest_ignores_order_and_what_is_not_pinned() -> None:
    other = {**dict(reversed(DEFINITION.items())), "title": "Update", "icons": [], "_meta": {"x": 1}}
    assert digest(other) == digest(DEFINITION)


def _paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(node, dict):
        return [found for key, value in node.items() for found in _paths(value, (*path, key))]
    if isinstance(node, list):
        return [found for index, value in enumerate(node) for found in _paths(value, (*path, index))]
    return [path]


@given(st.sampled_from(_paths(DEFINITION)), st.text() | st.booleans() | st.integers(-9, 9) | st.none())
def test_every_change_of_a_leaf_changes_the_digest_and_is_told(path: tuple[Any, ...], value: Any) -> None:
    changed = copy.deepcopy(DEFINITION)
    node: Any = changed
    for step in path[:-1]:
        node = node[step]
    before = node[path[-1]]
    node[path[-1]] = value
    if type(before) is type(value) and before == value:
        assert compare([pin()], {"update_case": changed}) == []
        return
    (change,) = compare([pin()], {"update_case": changed})
    assert change.kind == "changed"
    assert change.lines


def test_a_renamed_tool_is_recognised_and_what_else_changed_is_told() -> None:
    renamed = {**DEFINITION, "name": "set_case_status", "annotations": {"readOnlyHint": True, "idempotentHint": True}}
    (change,) = compare(
        [pin()], {"set_case_status": renamed, "other": {**DEFINITION, "name": "other"} | {"inputSchema": {}}}
    )
    assert change.kind == "renamed"
    assert change.lines == (
        'it seems to have been renamed: "update_case" → "set_case_status"',
        "annotations.readOnlyHint: false → true",
    )


def test_a_vanished_tool_is_missing() -> None:
    (change,) = compare([pin()], {"weather": {"name": "weather", "inputSchema": {"type": "object"}}})
    assert change.kind == "missing"


def test_a_difference_is_readable() -> None:
    changed = copy.deepcopy(DEFINITION)
    changed["inputSchema"]["properties"]["iban"] = {"type": "string"}
    changed["inputSchema"]["properties"]["status"]["enum"] = ["open"]
    del changed["annotations"]["idempotentHint"]
    (change,) = compare([pin()], {"update_case": changed})
    assert change.lines == (
        "annotations.idempotentHint: removed (was true)",
        'inputSchema.properties.iban: added {"type":"string"}',
        'inputSchema.properties.status.enum: ["open","closed"] → ["open"]',
    )


@pytest.mark.parametrize(
    "definition", [{**DEFINITION, "description": "x" * 300_000}, {**DEFINITION, "inputSchema": {"maximum": 2**60}}]
)
def test_a_definition_without_a_canonical_form_is_not_pinned(definition: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        make_pin(REVIEW, definition)
