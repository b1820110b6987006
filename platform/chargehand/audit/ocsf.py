"""A record as an OCSF 1.9 event: API Activity (6003) with the profiles `ai_operation` and `record_integrity`.

https://schema.ocsf.io/1.9.0/classes/api_activity. What the record says and OCSF has no place for is in `unmapped`. The
attestation's fingerprint is the leaf's hash in the Merkle tree, not a hash of this event: `raw_data` holds the exact
leaf, so that a receiver can recompute it and check it against a signed checkpoint.
"""

from __future__ import annotations

from typing import Any, cast

from chargehand.audit.format import leaf_hash
from chargehand.audit.projection import micros

VERSION = "1.9.0"
CLASS_UID = 6003
PROFILES = ("ai_operation", "record_integrity", "security_control", "trace")

_ACTIVITY = {"read": (2, "Read"), "write": (3, "Update"), "irreversible": (3, "Update")}
_STATUS = {
    "succeeded": (1, "Success"),
    **dict.fromkeys(("failed", "denied", "rejected", "expired"), (2, "Failure")),
    "in_doubt": (0, "Unknown"),
}
_ACTION = {"allow": (1, "Allowed"), "deny": (2, "Denied"), "ask": (99, "Other")}
_DISPOSITION = {
    "denied": (2, "Blocked"), "rejected": (25, "Rejected"), "expired": (2, "Blocked"), "failed": (27, "Error"),
}  # fmt: skip
_UNMAPPED = ("kind", "effect", "pin", "digest", "result_digest", "step", "business_key", "detail")


def event(seq: int, leaf: bytes, content: dict[str, Any], *, origin: str) -> dict[str, Any]:
    """The OCSF event of a leaf. `content` is what the reader may see of it, `origin` the log's name in checkpoints.

    `raw_data` is the leaf itself; sealed fields are cipher text there.
    """
    who: dict[str, Any] = content.get("who", {})
    activity_id, activity = _ACTIVITY.get(content.get("effect", ""), (99, "Other"))
    at = micros(content["at"]) // 1_000
    made: dict[str, Any] = {
        "activity_id": activity_id,
        "activity_name": activity,
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": CLASS_UID,
        "class_name": "API Activity",
        "type_uid": CLASS_UID * 100 + activity_id,
        "type_name": f"API Activity: {activity}",
        "time": at,
        "severity_id": 3 if content.get("outcome") in ("in_doubt", "denied", "rejected") else 1,
        "message": _message(content),
        "metadata": _metadata(seq, content, origin),
        "actor": _actor(content, who),
        "api": _api(content),
        "src_endpoint": {"svc_name": who.get("agent") or "chargehand", "name": who.get("agent") or "chargehand"},
        "raw_data": leaf.decode(),
        "attestation_list": [_attestation(seq, leaf, origin)],
    }
    made |= _outcome(content)
    if who.get("agent"):
        made["ai_agent"] = {"uid": who["agent"], "name": who["agent"], "type_id": 0} | _given(
            version=who.get("agent_version"), instance_uid=content.get("run")
        )
        made["delegation"] = _delegation(content, who, at)
    if content.get("trace_id"):
        made["trace"] = {"uid": content["trace_id"]}
    if content.get("business_key"):
        made["resources"] = [{"uid": content["business_key"], "name": content["business_key"]}]
    unmapped = {name: content[name] for name in _UNMAPPED if content.get(name)}
    if who.get("chain"):
        unmapped["chain"] = who["chain"]
    if unmapped:
        made["unmapped"] = unmapped
    return made


def _message(content: dict[str, Any]) -> str:
    parts = (content.get("kind"), content.get("tool"), content.get("decision"), content.get("outcome"))
    return " ".join(str(part) for part in parts if part)


def _metadata(seq: int, content: dict[str, Any], origin: str) -> dict[str, Any]:
    return {
        "version": VERSION,
        "product": {"name": "Chargehand", "vendor_name": "Chargehand"},
        "profiles": list(PROFILES),
        "uid": content["id"],
        "sequence": seq,
        "log_name": origin,
        "tenant_uid": content["tenant"],
        "original_time": content["at"],
    } | _given(correlation_uid=content.get("run"))


def _actor(content: dict[str, Any], who: dict[str, Any]) -> dict[str, Any]:
    policy = _given(uid=content.get("policy_revision"), version=content.get("policy_revision"))
    rules = [
        {"decision": content.get("decision", ""), "policy": {"name": rule, "is_applied": True, **policy}}
        for rule in cast("list[str]", content.get("rules", []))
    ]
    user = {"uid": who.get("principal", ""), "name": who.get("principal", ""), "type_id": 0}
    return {"user": user, "app_name": who.get("agent") or "chargehand"} | ({"authorizations": rules} if rules else {})


def _api(content: dict[str, Any]) -> dict[str, Any]:
    tool = content.get("tool", "")
    connector, _, _ = tool.partition(".")
    made: dict[str, Any] = {"operation": tool or content["kind"]}
    if connector:
        made["service"] = {"name": connector} | _given(version=content.get("pin"))
    request = {"uid": content.get("call_key") or content["id"]}
    if "arguments" in content:
        request["data"] = content["arguments"]
    made["request"] = request
    return made


def _outcome(content: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    outcome, decision = content.get("outcome", ""), content.get("decision", "")
    if outcome:
        status_id, status = _STATUS.get(outcome, (99, "Other"))
        made |= {"status_id": status_id, "status": status, "status_code": outcome}
    if decision in _ACTION:
        action_id, action = _ACTION[decision]
        made |= {"action_id": action_id, "action": action if action_id != 99 else decision}
    if outcome in _DISPOSITION:
        disposition_id, disposition = _DISPOSITION[outcome]
        made |= {"disposition_id": disposition_id, "disposition": disposition}
    return made


def _delegation(content: dict[str, Any], who: dict[str, Any], at: int) -> dict[str, Any]:
    """The grant under which the agent acts: one a run, issued for the person at the head of the chain."""
    return {
        "uid": content.get("run") or content["id"],
        "created_time": at,
        "issuer_uid": who.get("principal", ""),
    }


def _attestation(seq: int, leaf: bytes, origin: str) -> dict[str, Any]:
    return {
        "uid": f"{origin}/{seq}",
        "authority_uid": origin,
        "chain_uid": origin,
        "fingerprint": {"algorithm": "RFC 6962 SHA-256 leaf hash", "algorithm_id": 99, "value": leaf_hash(leaf).hex()},
    }


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
