"""What people are asked by LangGraph's own `interrupt(value)`: question and form, as far as the value tells them.

LangChain's HumanInTheLoopMiddleware asks for a decision on each of several actions. Its answer has a shape of its own,
and another one would end the run: the form says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from chargehand.agents.forms import is_addressee

_EVERY_DECISION = ["approve", "edit", "reject", "respond"]
_NEEDS = {"edit": "edited_action", "respond": "message"}


def interrupt_form(value: Any, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """`title`, `question`, `schema` and `to` of what is asked. `schema` is what the author gave `interrupt`, if so."""
    given = cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {"question": str(value)}
    actions = _actions(given)
    to = str(given.get("to"))  # may as well be the author's own, as in a mail to be looked at
    asked = given.get("question") or given.get("title") or _said(given, actions) or dict(given)
    return {
        "title": str(given.get("title") or ""),
        "question": str(asked),
        "schema": dict(schema) if schema else _decisions(given, actions),
        "to": to if is_addressee(to) else "principal",
    }


def _actions(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those of a HITLRequest; none of anything else that an author may ask with."""
    found, configs = given.get("action_requests"), given.get("review_configs")
    if not isinstance(found, list) or not isinstance(configs, list):
        return []
    actions, reviews = cast("list[Any]", found), cast("list[Any]", configs)
    fits = all(isinstance(one, dict) and "name" in one for one in actions) and all(
        isinstance(one, dict) and isinstance(cast("dict[str, Any]", one).get("allowed_decisions"), list)
        for one in reviews
    )
    return actions if fits else []


def _said(given: Mapping[str, Any], actions: list[Mapping[str, Any]]) -> str:
    if given.get("type") == "tool_approval":
        return str(given.get("description") or "")
    return "\n\n".join(str(one.get("description") or one.get("name") or "") for one in actions)


def _decisions(given: Mapping[str, Any], actions: list[Mapping[str, Any]]) -> dict[str, Any]:
    """The form of the answer; any answer where nothing is known of it."""
    if not actions:
        return {}
    allowed = {str(one.get("action_name")): list(one["allowed_decisions"]) for one in given["review_configs"]}
    each = [_decision(allowed.get(str(one["name"]), _EVERY_DECISION)) for one in actions]
    names = ", ".join(str(one["name"]) for one in actions)
    whole = {
        "type": "array",
        "title": "Decisions",
        "description": f"One for each action, in this order: {names}.",
        "minItems": len(actions),
        "maxItems": len(actions),
        "prefixItems": each,
        "items": _decision(sorted({kind for kinds in allowed.values() for kind in kinds})),
    }
    return {"type": "object", "title": "Review", "properties": {"decisions": whole}, "required": ["decisions"]}


def _decision(kinds: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": {"enum": kinds, "title": "Decision"}}
    if "reject" in kinds or "respond" in kinds:
        fields["message"] = {"type": "string", "title": "Message", "description": "What the agent is told."}
    if "edit" in kinds:
        action = {"name": {"type": "string", "title": "Action"}, "args": {"type": "object", "title": "Arguments"}}
        edited = {"type": "object", "title": "Instead", "properties": action, "required": ["name", "args"]}
        fields["edited_action"] = edited
    rules = [
        {"if": {"properties": {"type": {"const": kind}}}, "then": {"required": [needed]}}
        for kind, needed in _NEEDS.items()
        if kind in kinds
    ]
    return {"type": "object", "properties": fields, "required": ["type"], **({"allOf": rules} if rules else {})}
