"""The policy in force: decisions for the gateway, the API and runs, and the questions people ask of a policy.

    policy = PolicyService.from_folder(Path("policies"), catalogue)
    policy.decide(Request(…)).verdict

Everything here reads one immutable snapshot, so it may be called from any thread, while `put_in_force` exchanges it.
What changes the policy of a tenant (draft, review, activate, roll back) is in `revisions`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from chargehand.database import Database
from chargehand.errors import NotFound
from chargehand.identity import store as identity
from chargehand.policy.attributes import Attributes, Known
from chargehand.policy.compiling import compile_policy, load_policies
from chargehand.policy.disk import OnDisk, on_disk
from chargehand.policy.model import NO_ATTRIBUTES, ApprovalRule, Catalogue, Decision, Request
from chargehand.policy.snapshot import Documents, Snapshot, TenantPolicy


class PolicyService:
    """Holds the snapshot in force. A tenant without a policy is denied everything."""

    def __init__(self, snapshot: Snapshot, catalogue: Catalogue | None = None, *, folder: Path | None = None) -> None:
        self._snapshot = snapshot
        self._folder = folder
        self._lock = threading.Lock()
        self._counters: dict[str, int] = {}
        self._authors: dict[tuple[str, str], tuple[str, ...]] = {}
        self.catalogue = catalogue
        self._attributes: Callable[[str], Mapping[str, Mapping[str, Any]]] = _unknown

    @classmethod
    def from_folder(cls, folder: Path, catalogue: Catalogue | None = None) -> PolicyService:
        """Raises BadPolicy, listing every problem of the folder with file and line."""
        return cls(load_policies(folder, catalogue), catalogue, folder=folder)

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    def decide(self, request: Request) -> Decision:
        """Microseconds; no I/O but the request's history and attributes, and those only where a condition reads them.

        Never raises: what can't be decided is denied. A request without attributes gets those that `know` reads.
        """
        if request.attributes is NO_ATTRIBUTES and self._attributes is not _unknown:
            request = replace(request, attributes=self._attributes(request.tenant))
        return self._snapshot.decide(request)

    def know(self, db: Database, declared: Known) -> None:
        """Read attributes for requests that bring none: of people from `db`, of agents as `declared` says."""

        def of_tenant(tenant: str) -> Attributes:
            def stored(principal: str) -> Mapping[str, str]:
                return db.read_now(lambda connection: identity.attributes_of(connection, tenant, principal))

            return Attributes(stored, declared)

        self._attributes = of_tenant

    def attributes(self, tenant: str) -> Mapping[str, Mapping[str, Any]]:
        """What conditions may read now of the tenant's principals, by principal id; read when asked for."""
        return self._attributes(tenant)

    def revision(self, tenant: str) -> str:
        """Content hash of the tenant's policy in force; empty without one."""
        policy = self._snapshot.tenants.get(tenant)
        return policy.revision if policy else ""

    def policy(self, tenant: str) -> TenantPolicy:
        """Raises NotFound: the tenant has no policy."""
        try:
            return self._snapshot.tenants[tenant]
        except KeyError:
            raise NotFound(f"Tenant {tenant!r} has no policy in force.", way_out="Add one under policies/.") from None

    def on_disk(self, tenant: str) -> OnDisk | None:
        """How the tenant's files are now, beside what is in force; None where it was not loaded from files.

        Raises NotFound: the tenant has no policy.
        """
        policy = self.policy(tenant)
        return on_disk(self._folder, tenant, policy.documents, self._snapshot.model) if self._folder else None

    def approval_rule(self, tenant: str, name: str) -> ApprovalRule:
        """Raises NotFound: the tenant's policy has no approval rule of that name."""
        try:
            return self.policy(tenant).approvals[name]
        except KeyError:
            raise NotFound(f"The policy of {tenant!r} has no approval rule {name!r}.") from None

    def roles_of(self, tenant: str, principal: str) -> frozenset[str]:
        """Roles held direct and through other roles; none for an unknown tenant or principal."""
        policy = self._snapshot.tenants.get(tenant)
        return frozenset(policy.enforcer.roles(principal, tenant)) if policy else frozenset()

    def holders_of(self, tenant: str, role: str) -> tuple[str, ...]:
        """Principals who hold the role, direct or through another, sorted."""
        policy = self._snapshot.tenants.get(tenant)
        return policy.holders_of(role) if policy else ()

    def compile(self, tenant: str, documents: Documents, source: str = "draft") -> TenantPolicy:
        """A candidate from changed files, under the model and catalogue in force. Raises BadPolicy."""
        return compile_policy(tenant, documents, self._snapshot.model, self.catalogue, source=source)

    def put_in_force(self, policy: TenantPolicy, *, counter: int = 0, authors: Iterable[str] = ()) -> None:
        """Exchange one tenant's policy; decisions under way finish under the one they started with.

        `counter` counts the tenant's activations: an older one than is in force changes nothing.
        """
        self.remember_authors(policy.tenant, policy.revision, authors)
        with self._lock:
            if self._newer(policy.tenant, counter):
                self._snapshot = self._snapshot.replaced(policy)

    def put_out_of_force(self, tenant: str, *, counter: int, why: str) -> None:
        """Deny everything to a tenant whose policy can't be used."""
        with self._lock:
            if self._newer(tenant, counter):
                self._snapshot = self._snapshot.without(tenant, why)

    def counter(self, tenant: str) -> int:
        """How many activations of the tenant's policy this process has seen; 0: its files are in force."""
        return self._counters.get(tenant, 0)

    def authors_of(self, tenant: str, revision: str) -> tuple[str, ...]:
        """Who wrote a revision, as the database has it; nobody where it comes from files, whose review is git's."""
        return self._authors.get((tenant, revision), ())

    def remember_authors(self, tenant: str, revision: str, authors: Iterable[str]) -> None:
        """Add to who wrote a revision."""
        known = self._authors.get((tenant, revision), ())
        self._authors[tenant, revision] = tuple(dict.fromkeys((*known, *authors)))

    def _newer(self, tenant: str, counter: int) -> bool:
        if counter and counter <= self._counters.get(tenant, 0):
            return False
        self._counters[tenant] = max(counter, self._counters.get(tenant, 0))
        return True


def _unknown(tenant: str) -> Mapping[str, Mapping[str, Any]]:
    del tenant
    return NO_ATTRIBUTES
