"""What a policy means must hold together: every name exists, every rule can matter, nobody holds what no one may.

Adds to the problems of what was read; each names the file, the line and the way out. Errors refuse the policy.
"""

from __future__ import annotations

from chargehand.identity.abilities import ABILITIES, READING
from chargehand.policy.attributes import OF_AGENTS
from chargehand.policy.covering import find_shadows, never_true
from chargehand.policy.model import Catalogue, KnownTool, Problem
from chargehand.policy.plan import matches
from chargehand.policy.reading import Read
from chargehand.policy.separation import violations
from chargehand.policy.snapshot import Rule

MAX_ROLE_DEPTH = 8
"""Casbin's role manager stops silently at 10 links; a policy that comes near is refused."""
MAX_RULES = 100_000

_ABILITY_TOOLS = {
    f"chargehand.{name}": KnownTool(f"chargehand.{name}", "read" if name in READING else "write", {})
    for name in ABILITIES
}
_ORDERABLE = frozenset({"string", "integer", "number"})


def lint(read: Read, catalogue: Catalogue | None) -> None:
    """Check `read`, against known tools if there is a catalogue."""
    if len(read.rules) > MAX_RULES:
        read.problem("rule", read.rules[MAX_RULES].id, f"is one rule too many: at most {MAX_RULES}.")
        return
    _lint_roles(read)
    if any(problem.severity == "error" for problem in read.problems):
        # Names that are already wrong would only be reported again below.
        _lint_rules(read, catalogue)
        return
    _lint_rules(read, catalogue)
    _lint_cases(read)
    _lint_approvals(read)
    _lint_separation(read, catalogue)
    _lint_reach(read)


def _lint_roles(read: Read) -> None:
    for name, entry in read.roles.items():
        for inner in entry.includes:
            if inner not in read.roles:
                read.problem("role", name, f"role {name!r} includes {inner!r}, which is no role.", _known(read.roles))
        if _depth(read, name, ()) > MAX_ROLE_DEPTH:
            read.problem(
                "role", name, f"role {name!r} is nested deeper than {MAX_ROLE_DEPTH}, or in a circle.", "Flatten it."
            )
    for holder, roles in read.holders.items():
        for role in roles:
            if role not in read.roles:
                read.problem("holder", holder, f"{holder} holds {role!r}, which is no role.", _known(read.roles))
        if len(set(roles)) != len(roles):
            read.problem("holder", holder, f"{holder} holds a role twice.", "Name each role once.")


def _depth(read: Read, role: str, path: tuple[str, ...]) -> int:
    if role in path or len(path) > MAX_ROLE_DEPTH or role not in read.roles:
        return len(path) + (MAX_ROLE_DEPTH if role in path else 0)
    return max((_depth(read, inner, (*path, role)) for inner in read.roles[role].includes), default=len(path) + 1)


def _lint_rules(read: Read, catalogue: Catalogue | None) -> None:
    for rule in read.rules:
        if ":" not in rule.subject and rule.subject not in read.roles:
            read.problem(
                "rule", rule.id, f"rule {rule.id!r} is for {rule.subject!r}, which is no role.", _known(read.roles)
            )
        if (rule.then == "ask") != bool(rule.approval):
            way_out = "Name approval rules with `then: ask`, and only then."
            read.problem(
                "rule", rule.id, f"rule {rule.id!r} says {rule.then} with approval {list(rule.approval)}.", way_out
            )
        for name in rule.approval:
            if name not in read.approvals:
                way_out = _known(read.approvals)
                read.problem("rule", rule.id, f"rule {rule.id!r} asks by {name!r}, which is no approval rule.", way_out)
        if catalogue is not None:
            _lint_tools(read, rule, catalogue)
        if read.tenant is not None:
            _lint_attributes(read, rule, frozenset(read.tenant.attributes))


def _lint_tools(read: Read, rule: Rule, catalogue: Catalogue) -> None:
    matched = _tools(rule.tool, catalogue)
    if rule.tool != "*" and not matched and not _unchecked(rule.tool, catalogue):
        read.problem(
            "rule",
            rule.id,
            f"rule {rule.id!r} is on {rule.tool!r}, which matches no known tool.",
            _near(rule.tool, catalogue),
        )
        return
    reachable = [tool for tool in matched if rule.effect in ("any", tool.effect)]
    if matched and not reachable:
        effects = ", ".join(sorted({tool.effect for tool in matched}))
        read.problem(
            "rule",
            rule.id,
            f"rule {rule.id!r} is on effect {rule.effect!r}, but {rule.tool} is: {effects}.",
            "Correct `effect`.",
        )
    for tool in reachable:
        if "properties" in tool.input_schema:
            _lint_arguments(read, rule, tool)
    for name in sorted(rule.condition.history_tools):
        if not _tools(name, catalogue) and not _unchecked(name, catalogue):
            read.problem(
                "rule",
                rule.id,
                f"rule {rule.id!r} looks for earlier calls of {name!r}, which is no known tool.",
                _near(name, catalogue),
            )


def _lint_arguments(read: Read, rule: Rule, tool: KnownTool) -> None:
    condition = rule.condition
    for name in sorted((condition.arguments | condition.optional) - tool.arguments):
        names = ", ".join(sorted(tool.arguments)) or "none"
        read.problem(
            "rule",
            rule.id,
            f"rule {rule.id!r} reads args.{name}, which {tool.name} does not have.",
            f"It has: {names}.",
        )
    for name in sorted((condition.arguments & tool.arguments) - tool.required):
        if "default" not in tool.input_schema["properties"][name]:
            read.problem(
                "rule",
                rule.id,
                f"rule {rule.id!r} reads args.{name}, which may be absent in {tool.name}; that denies.",
                f"Guard it with has(args.{name}) if that is not meant.",
                warning=True,
            )
    for name in sorted(condition.numeric & tool.arguments):
        kind = tool.input_schema["properties"][name].get("type")
        if isinstance(kind, str) and kind not in _ORDERABLE:
            read.problem(
                "rule", rule.id, f"rule {rule.id!r} reads args.{name} of {tool.name} as a number; it is {kind}."
            )


def _lint_attributes(read: Read, rule: Rule, of_people: frozenset[str]) -> None:
    known = {"person": of_people, "agent": OF_AGENTS, "principal": of_people | OF_AGENTS}
    for root, name in sorted(rule.condition.attributes):
        if name not in known[root]:
            names = ", ".join(sorted({"id", *known[root]}))
            declare = "" if root == "agent" else " Declare others under `attributes` in tenant.yaml."
            read.problem(
                "rule", rule.id, f"rule {rule.id!r} reads {root}.{name}, which nobody has.", f"Known: {names}.{declare}"
            )


def _lint_cases(read: Read) -> None:
    """A case that gives somebody what nobody can have would expect what never happens."""
    of_people = frozenset(read.tenant.attributes) if read.tenant else frozenset[str]()
    for file, line, case in read.cases:
        for principal, attributes in case.attributes.items():
            known = OF_AGENTS if principal.startswith("agent:") else of_people
            for name in sorted(set(attributes) - known):
                names = ", ".join(sorted(known)) or "none"
                detail = f"the case gives {principal} the attribute {name!r}, which nobody has."
                read.problems.append(Problem(file, line, detail, f"Known: {names}."))


def _lint_approvals(read: Read) -> None:
    for name, entry in read.approvals.items():
        for quorum in entry.quorums:
            if quorum.role not in read.roles:
                read.problem(
                    "approval",
                    name,
                    f"approval rule {name!r} asks {quorum.role!r}, which is no role.",
                    _known(read.roles),
                )
            else:
                people = [one for one in _holders(read, quorum.role) if one.startswith("person:")]
                if len(people) < quorum.count:
                    detail = f"approval rule {name!r} needs {quorum.count} of {quorum.role!r}; {len(people)} hold it."
                    read.problem("approval", name, detail, "Until more do, such requests expire.", warning=True)
        if entry.escalate_to and entry.escalate_to not in read.roles:
            read.problem(
                "approval",
                name,
                f"approval rule {name!r} escalates to {entry.escalate_to!r}, no role.",
                _known(read.roles),
            )
        if (entry.escalate_after is None) != (not entry.escalate_to):
            read.problem(
                "approval",
                name,
                f"approval rule {name!r} has one of escalate_after and escalate_to.",
                "Give both or none.",
            )
        for label, after in (("remind_after", entry.remind_after), ("escalate_after", entry.escalate_after)):
            if after is not None and after >= entry.deadline:
                read.problem(
                    "approval", name, f"approval rule {name!r}: {label} is not before the deadline.", "Shorten it."
                )


def _lint_separation(read: Read, catalogue: Catalogue | None) -> None:
    for entry in read.separations:
        if (entry.tools is None) == (entry.roles is None):
            read.problem(
                "separation", entry.id, f"separation {entry.id!r} has both or neither of tools and roles.", "Give one."
            )
        for role in (role for side in entry.roles or () for role in side):
            if role not in read.roles:
                read.problem(
                    "separation",
                    entry.id,
                    f"separation {entry.id!r} names {role!r}, which is no role.",
                    _known(read.roles),
                )
        for pattern in (pattern for side in entry.tools or () for pattern in side):
            if catalogue is not None and not _tools(pattern, catalogue) and not _unchecked(pattern, catalogue):
                read.problem(
                    "separation",
                    entry.id,
                    f"separation {entry.id!r} is on {pattern!r}, no known tool.",
                    _near(pattern, catalogue),
                )
    roles_of = {holder: _closure(read, roles) for holder, roles in read.holders.items()}
    for found in violations(read.separations, read.rules, roles_of):
        if not found.accepted:
            read.problem(
                "separation",
                found.separation,
                f"{found.sentences['en']}",
                "Take one away, or accept it under `except` with a reason.",
            )


def _lint_reach(read: Read) -> None:
    covered = {role: _closure(read, (role,)) for role in read.roles}
    covered |= {holder: _closure(read, roles) for holder, roles in read.holders.items()}
    for rule in read.rules:
        reason = never_true(rule.condition)
        if reason:
            read.problem("rule", rule.id, f"rule {rule.id!r} can never apply: {reason}.", "Correct its condition.")
        if ":" not in rule.subject and not _holders(read, rule.subject):
            read.problem(
                "rule", rule.id, f"rule {rule.id!r} is for role {rule.subject!r}, which nobody holds.", warning=True
            )
    for shadowed, by in find_shadows(read.rules, covered):
        same = shadowed.then == by.then
        detail = f"rule {shadowed.id!r} never matters: rule {by.id!r} (line {by.line}) is as wide and says {by.then}."
        read.problem("rule", shadowed.id, detail, "Remove or narrow one.", warning=same)


def _closure(read: Read, roles: tuple[str, ...]) -> frozenset[str]:
    seen: set[str] = set()
    todo = list(roles)
    while todo:
        role = todo.pop()
        if role not in seen:
            seen.add(role)
            todo += read.roles[role].includes if role in read.roles else ()
    return frozenset(seen)


def _holders(read: Read, role: str) -> list[str]:
    return [holder for holder, roles in read.holders.items() if role in _closure(read, roles)]


def _tools(pattern: str, catalogue: Catalogue) -> list[KnownTool]:
    every = {**_ABILITY_TOOLS, **catalogue}
    if not pattern.endswith("*"):
        return [every[pattern]] if pattern in every else []
    return [tool for name, tool in every.items() if matches(name, pattern)]


def _unchecked(pattern: str, catalogue: Catalogue) -> bool:
    """Agents are started as tools `agent.<name>`; a catalogue without any says nothing about them."""
    return pattern.startswith("agent.") and not any(name.startswith("agent.") for name in catalogue)


def _near(pattern: str, catalogue: Catalogue) -> str:
    connector = pattern.partition(".")[0]
    names = sorted(name for name in {**_ABILITY_TOOLS, **catalogue} if name.partition(".")[0] == connector)
    return f"Known: {', '.join(names or sorted(catalogue)) or 'none'}."


def _known(names: object) -> str:
    listed = sorted(str(name) for name in names)  # pyright: ignore[reportGeneralTypeIssues, reportUnknownArgumentType]
    return f"Known: {', '.join(listed) or 'none'}."
