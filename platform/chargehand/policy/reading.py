"""From a tenant's files to typed values with places, collecting every problem; what they mean is lint's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chargehand.policy.conditions import ConditionRefused, compile_condition
from chargehand.policy.documents import (
    ApprovalEntry,
    CaseEntry,
    RoleEntry,
    RolesFile,
    RuleEntry,
    SeparationEntry,
    TenantFile,
)
from chargehand.policy.frozen import FrozenDict
from chargehand.policy.model import Problem
from chargehand.policy.snapshot import Documents, Rule
from chargehand.policy.source import Model, Source, parse, read_yaml

FILES = ("tenant.yaml", "rules.yaml", "roles.yaml", "approvals.yaml")
OPTIONAL = ("separation.yaml",)
CASES = "cases/"


@dataclass(slots=True)
class Read:
    """What could be read, and what was wrong. Places are (file, line) by (kind, name)."""

    tenant: TenantFile | None = None
    rules: list[Rule] = field(default_factory=list[Rule])
    roles: dict[str, RoleEntry] = field(default_factory=dict[str, RoleEntry])
    holders: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    approvals: dict[str, ApprovalEntry] = field(default_factory=dict[str, ApprovalEntry])
    separations: list[SeparationEntry] = field(default_factory=list[SeparationEntry])
    cases: list[tuple[str, int, CaseEntry]] = field(default_factory=list[tuple[str, int, CaseEntry]])
    places: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict[tuple[str, str], tuple[str, int]])
    problems: list[Problem] = field(default_factory=list[Problem])

    def problem(self, kind: str, name: str, detail: str, way_out: str = "", *, warning: bool = False) -> None:
        file, line = self.places.get((kind, name), (kind, 1))
        rule = name if kind == "rule" else ""
        self.problems.append(Problem(file, line, detail, way_out, rule, "warning" if warning else "error"))


def read_documents(tenant: str, documents: Documents, prefix: str) -> Read:
    """Read every file. `prefix` comes before file names in problems, e.g. `policies/demo/`."""
    read = Read()
    for name in FILES:
        if name not in documents:
            read.problems.append(Problem(prefix + name, 1, "is missing.", f"A tenant has {', '.join(FILES)}."))
    for name, text in sorted(documents.items()):
        known = name in FILES or name in OPTIONAL or (name.startswith(CASES) and name.endswith(".yaml"))
        if not known:
            read.problems.append(
                Problem(
                    prefix + name,
                    1,
                    "is no file of a policy.",
                    f"Known: {', '.join((*FILES, *OPTIONAL))}, cases/*.yaml.",
                )
            )
            continue
        source = read_yaml(prefix + name, text)
        if not source.problems:
            _file(read, name, source)
        read.problems += source.problems
    if read.tenant is not None and read.tenant.tenant != tenant:
        detail = f"names tenant {read.tenant.tenant!r} in the folder of {tenant!r}."
        read.problems.append(Problem(prefix + "tenant.yaml", 1, detail, "A folder holds its own tenant's policy."))
    return read


def _file(read: Read, name: str, source: Source) -> None:
    match name:
        case "tenant.yaml":
            read.tenant = parse(source, TenantFile, source.value, ())
        case "rules.yaml":
            _rules(read, source)
        case "roles.yaml":
            _roles(read, source)
        case "approvals.yaml":
            for key, value in _mapping(source, source.value, "approval rules by name").items():
                read.places["approval", key] = (source.name, source.line((key,)))
                entry = parse(source, ApprovalEntry, value, (key,))
                if entry is not None:
                    read.approvals[key] = entry
        case "separation.yaml":
            for index, entry in _entries(source, SeparationEntry):
                read.places["separation", entry.id] = (source.name, source.line((index,)))
                read.separations.append(entry)
        case _:
            for index, entry in _entries(source, CaseEntry):
                read.cases.append((source.name, source.line((index,)), entry))


def _rules(read: Read, source: Source) -> None:
    seen: dict[str, int] = {}
    for index, entry in _entries(source, RuleEntry):
        line = source.line((index,))
        if entry.id in seen:
            source.problem((index, "id"), f"rule {entry.id!r} is also on line {seen[entry.id]}.", "Ids are unique.")
            continue
        seen[entry.id] = line
        read.places["rule", entry.id] = (source.name, line)
        try:
            condition = compile_condition(entry.when)
        except ConditionRefused as error:
            source.problem(
                (index, "when"),
                f"the condition of rule {entry.id!r} is refused: {error.detail}.",
                error.way_out,
                entry.id,
            )
            continue
        sentences = FrozenDict(en=entry.says.en, zh=entry.says.zh)
        read.rules.append(
            Rule(
                id=entry.id,
                subject=entry.subject,
                tool=entry.tool,
                effect=entry.effect,
                when=condition.text,
                then=entry.then,
                approval=entry.approval,
                sentences=sentences,
                file=source.name,
                line=line,
                condition=condition,
            )
        )


def _roles(read: Read, source: Source) -> None:
    entry = parse(source, RolesFile, source.value, ())
    if entry is None:
        return
    for name in entry.roles:
        read.places["role", name] = (source.name, source.line(("roles", name)))
    for name in entry.holders:
        read.places["holder", name] = (source.name, source.line(("holders", name)))
    read.roles, read.holders = dict(entry.roles), dict(entry.holders)


def _entries(source: Source, model: type[Model]) -> list[tuple[int, Model]]:
    if source.value in (None, ""):
        return []
    if not isinstance(source.value, list):
        source.problem((), "is not a list.", "Start each entry with a dash.")
        return []
    items: list[Any] = source.value
    parsed = [(index, parse(source, model, item, (index,))) for index, item in enumerate(items)]
    return [(index, entry) for index, entry in parsed if entry is not None]


def _mapping(source: Source, value: Any, what: str) -> Mapping[str, Any]:
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        source.problem((), f"is not a mapping: {what}.")
        return {}
    return value  # pyright: ignore[reportUnknownVariableType]  # read_yaml makes text keys only
