"""Files to a compiled policy, or every reason why not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from chargehand.errors import BadPolicy
from chargehand.policy.conditions import Condition, compile_condition
from chargehand.policy.documents import ApprovalEntry
from chargehand.policy.enforcer import PlannedEnforcer, Row
from chargehand.policy.lint import lint
from chargehand.policy.model import ApprovalRule, Catalogue, Problem, RoleQuorum
from chargehand.policy.plan import UnplannableModel
from chargehand.policy.reading import CASES, Read, read_documents
from chargehand.policy.snapshot import Documents, Rule, Snapshot, TenantPolicy

MODEL = "model.conf"
RESERVED = frozenset({"pins", "connectors.toml"})


def load_policies(folder: Path, catalogue: Catalogue | None = None) -> Snapshot:
    """Every tenant of a policies folder: `model.conf`, and one folder a tenant. `pins/` and `connectors.toml`
    belong to the connectors.

    With a `catalogue`, rules on tools or arguments that do not exist are problems too.

    Raises:
        BadPolicy: anything is wrong anywhere; lists each problem with file and line, also in `.problems`.
    """
    problems: list[Problem] = []
    model = _read(folder / MODEL, problems)
    tenants: dict[str, TenantPolicy] = {}
    for inside in sorted(folder.iterdir()) if folder.is_dir() else ():
        if inside.name.startswith(".") or inside.name in (MODEL, *RESERVED):
            continue
        if not inside.is_dir():
            problems.append(Problem(str(inside), 1, "is no file of a policy.", "Each tenant has a folder of its own."))
            continue
        documents = {
            str(path.relative_to(inside)): _read(path, problems) for path in sorted(inside.rglob("*")) if path.is_file()
        }
        try:
            tenants[inside.name] = compile_policy(
                inside.name, documents, model, catalogue, source=str(inside), prefix=f"{inside}/"
            )
        except BadPolicy as error:
            problems += error.problems
    if not tenants and not problems:
        problems.append(Problem(str(folder), 1, "holds no tenant's policy.", "Each tenant has a folder of its own."))
    if problems:
        raise bad_policy(problems)
    return Snapshot(MappingProxyType(tenants), model)


def compile_policy(
    tenant: str,
    documents: Documents,
    model: str,
    catalogue: Catalogue | None = None,
    *,
    source: str = "",
    prefix: str = "",
) -> TenantPolicy:
    """One tenant's policy from its files and the text of model.conf.

    Raises:
        BadPolicy: as `load_policies`.
    """
    read = read_documents(tenant, documents, prefix)
    lint(read, catalogue)
    errors = [problem for problem in read.problems if problem.severity == "error"]
    if errors:
        raise bad_policy(errors)
    return build(tenant, read, documents, model, source=source)


def build(tenant: str, read: Read, documents: Documents, model: str, *, source: str = "") -> TenantPolicy:
    """Compile what was read and linted. Raises BadPolicy for a model that can't be planned."""
    if read.tenant is None:
        raise bad_policy(read.problems)
    rows, links = casbin_rows(tenant, read)
    compiled = {rule.when: rule.condition for rule in read.rules}
    try:
        enforcer = PlannedEnforcer(model, rows, links, lambda text: _compiled(compiled, text))
    except UnplannableModel as error:
        raise bad_policy([Problem(MODEL, 1, f"{error}.", "See docs/policy.md, The model.")]) from None
    except Exception as error:  # whatever Casbin says of a model that it can't read
        raise bad_policy(
            [Problem(MODEL, 1, f"Casbin can't read it: {error!r}.", "See docs/policy.md, The model.")]
        ) from error
    return TenantPolicy(
        tenant=tenant,
        revision=revision_of(documents, model),
        zone=ZoneInfo(read.tenant.time_zone),
        rules=tuple(read.rules),
        roles=MappingProxyType(read.roles),
        holders=MappingProxyType(read.holders),
        approvals=MappingProxyType({name: _approval(name, entry) for name, entry in read.approvals.items()}),
        attributes=MappingProxyType(read.tenant.attributes),
        separations=tuple(read.separations),
        cases=tuple(read.cases),
        documents=MappingProxyType(dict(documents)),
        source=source,
        warnings=tuple(problem for problem in read.problems if problem.severity == "warning"),
        enforcer=enforcer,
        by_id=MappingProxyType({rule.id: rule for rule in read.rules}),
        known=frozenset((*read.holders, *(rule.subject for rule in read.rules if ":" in rule.subject))),
    )


def casbin_rows(tenant: str, read: Read) -> tuple[list[Row], list[Row]]:
    """The policy as plain Casbin rows: p (sub, dom, tool, act, cond, eft, id) and g (sub, role, dom)."""
    rules = [_row(tenant, rule) for rule in read.rules]
    links = [(holder, role, tenant) for holder, roles in read.holders.items() for role in roles]
    links += [(role, inner, tenant) for role, entry in read.roles.items() for inner in entry.includes]
    return rules, links


def revision_of(documents: Documents, model: str) -> str:
    """Hash of what decides: model.conf and the tenant's files, without the cases. Line ends do not count."""
    content = {name: text for name, text in documents.items() if not name.startswith(CASES)}
    return content_hash({**content, "../" + MODEL: model})


def content_hash(documents: Documents) -> str:
    """`sha256:` and the hex digest of the files, names and texts, in canonical JSON."""
    normal = {name: text.replace("\r\n", "\n") for name, text in documents.items()}
    canonical = json.dumps(normal, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def bad_policy(problems: Sequence[Problem]) -> BadPolicy:
    """All problems as one error; `.problems` holds them one by one."""
    listed = sorted(problems, key=lambda problem: (problem.file, problem.line))
    count = f"{len(listed)} problem{'s' * (len(listed) != 1)}"
    return BadPolicy(f"The policy does not lint, {count}:\n" + "\n".join(map(str, listed)), problems=tuple(listed))


def _row(tenant: str, rule: Rule) -> Row:
    act = "*" if rule.effect == "any" else rule.effect
    return (rule.subject, tenant, rule.tool, act, rule.when or "True", rule.then, rule.id)


def _compiled(known: Mapping[str, Condition], text: str) -> Condition:
    return known[text] if text in known else compile_condition(text)


def _approval(name: str, entry: ApprovalEntry) -> ApprovalRule:
    return ApprovalRule(
        name=name,
        quorums=tuple(RoleQuorum(quorum.role, quorum.count) for quorum in entry.quorums),
        deadline=entry.deadline,
        remind_after=entry.remind_after,
        escalate_after=entry.escalate_after,
        escalate_to=entry.escalate_to,
        not_requester=entry.not_requester,
        not_agent_owner=entry.not_agent_owner,
        not_policy_author=entry.not_policy_author,
        title=entry.says.en,
        titles={"en": entry.says.en, "zh": entry.says.zh},
    )


def _read(path: Path, problems: list[Problem]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problems.append(Problem(str(path), 1, "is missing.", "A policies folder needs it; see docs/policy.md."))
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(str(path), 1, f"can't be read: {error}.", "It must be a readable UTF-8 file."))
    return ""
