"""Policies for tests: the real engine on a folder, or the two simplest fakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from chargehand.errors import NotFound
from chargehand.policy.model import ApprovalRule, Decision, Reason, Request, RoleQuorum


class Policy(Protocol):
    """What gateway, approvals and runs ask of policy; `policy.service.PolicyService` is the real one."""

    def decide(self, request: Request) -> Decision: ...

    def approval_rule(self, tenant: str, name: str) -> ApprovalRule: ...

    def roles_of(self, tenant: str, principal: str) -> frozenset[str]: ...

    def holders_of(self, tenant: str, role: str) -> tuple[str, ...]: ...

    def authors_of(self, tenant: str, revision: str) -> tuple[str, ...]: ...


@dataclass
class FakePolicy:
    """A fake, for tests of something else than policy: a function of the request, people and their roles."""

    answer: Callable[[Request], Decision]
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    rules: Mapping[str, ApprovalRule] = field(default_factory=dict[str, ApprovalRule])

    def decide(self, request: Request) -> Decision:
        return self.answer(request)

    def approval_rule(self, tenant: str, name: str) -> ApprovalRule:
        del tenant
        if name not in self.rules:
            raise NotFound(f"There is no approval rule {name!r}.")
        return self.rules[name]

    def roles_of(self, tenant: str, principal: str) -> frozenset[str]:
        del tenant
        return frozenset(self.roles.get(principal, ()))

    def holders_of(self, tenant: str, role: str) -> tuple[str, ...]:
        del tenant
        return tuple(person for person, held in self.roles.items() if role in held)

    def authors_of(self, tenant: str, revision: str) -> tuple[str, ...]:  # noqa: ARG002  # nobody wrote it
        return ()


def allow_everything() -> FakePolicy:
    """A fake that allows every call."""
    return FakePolicy(lambda _: decision("allow"))


def ask_for(*tools: str, role: str = "lead", people: Mapping[str, tuple[str, ...]], days: float = 3) -> FakePolicy:
    """A fake that asks one person of a role for these tools, and allows all others."""
    rule = ApprovalRule("one", (RoleQuorum(role),), timedelta(days=days), remind_after=timedelta(days=days / 3))
    return FakePolicy(
        lambda request: decision("ask", "one") if request.tool in tools else decision("allow"), people, {"one": rule}
    )


def deny_only(*tools: str) -> FakePolicy:
    """A fake that denies these tools and allows all others."""
    return FakePolicy(lambda request: decision("deny") if request.tool in tools else decision("allow"))


def decision(verdict: str, *approval: str) -> Decision:
    """A decision with one reason."""
    reason = Reason("fake", "", verdict, f"The fake policy says {verdict}.")  # pyright: ignore[reportArgumentType]
    return Decision(reason.verdict, (reason,), "fake", approval)
