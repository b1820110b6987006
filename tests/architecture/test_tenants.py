"""Tenants share nothing: whatever asks the database names its tenant, or stands in the list below with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "platform" / "chargehand"
QUERIES = frozenset({"select", "update", "delete", "execute", "exec_driver_sql", "quick", "executemany"})

BY_ID = "by an id of ours that was read in its tenant, or is a worker's own"
WHOLE = "of the installation, or for all tenants at once"
WRITES = "writes a row that holds its tenant"
WITHIN = "the query that it is part of names the tenant"

WITHOUT: dict[str, str] = {
    "approvals/outbox_store.py:mark_notified": BY_ID,
    "audit/erasure.py:empty": WITHIN,
    "audit/holder.py:_lock_database": WHOLE,
    "audit/holder.py:release": WHOLE,
    "audit/log.py:initialise": WHOLE,
    "audit/log.py:unit": WHOLE,
    "audit/projection.py:_insert": WRITES,
    "audit/query.py:_fts": WITHIN,
    "audit/query.py:_tsvector": WITHIN,
    "gateway/history.py:count": WITHIN,
    "gateway/history.py:_matching": WITHIN,
    "identity/store.py:add_session": WRITES,
    "identity/store.py:find_tokens": "asked by the hash of a secret, which says the tenant",
    "identity/store.py:forget_expired": WHOLE,
    "identity/store.py:touch_token": BY_ID,
    "identity/store.py:add_attempt": WRITES,
    "policy/store.py:add_draft": WRITES,
    "policy/store.py:add_activation": WRITES,
    "runs/triggers/hook_store.py:insert_hook": WRITES,
    "runs/triggers/hook_store.py:add_delivery": WRITES,
    "runs/triggers/hook_store.py:count_deliveries": BY_ID,
    "runs/triggers/intake_store.py:insert_intake": WRITES,
    "runs/held_up_store.py:_rows": WITHIN,
    "runs/pause_store.py:end_what_began": BY_ID,
    "runs/pause_store.py:mark_pause_told": BY_ID,
    "runs/triggers/schedule_store.py:move_on": BY_ID,
    "runs/triggers/schedule_store.py:note_run": BY_ID,
    "runs/store.py:insert_ignore": WRITES,
    "runs/store.py:trace_of": BY_ID,
    "runs/store.py:set_state": BY_ID,
    "runs/store.py:set_version": BY_ID,
    "runs/store.py:events_there": BY_ID,
    "runs/store.py:stand": BY_ID,
    "runs/store.py:close_task": BY_ID,
    "runs/store.py:mark_told": BY_ID,
    "runs/store.py:_one": WITHIN,
    "runs/store.py:_all": WITHIN,
}
APART = (
    "migrations/",
    "database.py",
    "connectors/keyed.py",
    "agents/",
    "cli/",
    "runs/workflow.py",
    "runs/blobs.py",
    "runs/codec.py",
)
"""Schema, the database itself, a connector's own file, and names that mean something else there."""


def queries(file: Path) -> Iterator[tuple[str, str]]:
    """(name, source) of each function of a file that asks the database."""
    text = file.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _is_route(node):
            called = {
                call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
                for call in ast.walk(node)
                if isinstance(call, ast.Call)
            }
            if called & QUERIES:
                yield node.name, ast.get_source_segment(text, node) or ""


def _is_route(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """`router.delete` is no statement."""
    return any("router" in ast.unparse(each) for each in node.decorator_list)


def found() -> Iterator[tuple[str, str]]:
    for file in sorted(ROOT.rglob("*.py")):
        place = file.relative_to(ROOT).as_posix()
        if not place.startswith(APART):
            for name, source in queries(file):
                yield f"{place}:{name}", source


def test_every_query_names_its_tenant_or_says_why_not() -> None:
    missing = [place for place, source in found() if "tenant" not in source.lower() and place not in WITHOUT]
    assert missing == [], "name the tenant in the query, or give the reason in WITHOUT"


def test_no_reason_outlives_its_query() -> None:
    there = {place for place, source in found() if "tenant" not in source.lower()}
    assert sorted(WITHOUT.keys() - there) == []


@pytest.mark.parametrize("place", ["approvals/store.py:get_request", "gateway/store.py:get", "runs/store.py:find_run"])
def test_the_lint_sees_queries(place: str) -> None:
    assert place in dict(found())
