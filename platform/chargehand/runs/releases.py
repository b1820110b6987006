"""Releases of agents: a run stays on the release on which it began (Temporal's Worker Deployments, pinned).

New runs begin on the current release; a share of them on the one that ramps. Rolling back is making an older one
current again. A release's workers may be stopped once no run of it is open. The names are Temporal's build ids.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from temporalio.api.deployment.v1 import WorkerDeploymentInfo
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus as Status
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

from chargehand.agents.model import AgentSpec
from chargehand.errors import BadInput, RuntimeUnavailable

DEPLOYMENT = "chargehand-agents"
WAIT_SECONDS = 30.0
LENGTH = 16

ReleaseState = Literal["new", "current", "ramping", "draining", "drained"]
_STATES: Mapping[int, ReleaseState] = {
    Status.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT: "current",
    Status.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING: "ramping",
    Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING: "draining",
    Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED: "drained",
}


@dataclass(frozen=True, slots=True)
class Release:
    """One release. `share` is how many of a hundred new runs begin on it; `open_runs` began on it and go on.

    Its workers may be stopped when `share` and `open_runs` are both 0.
    """

    name: str
    state: ReleaseState
    share: float
    open_runs: int
    created_at: datetime

    @property
    def may_stop(self) -> bool:
        return not self.share and not self.open_runs


def release_of(agents: Mapping[str, AgentSpec]) -> str:
    """16 hex characters over the versions of all agents of a worker: the same code and lock, the same release."""
    versions = "\n".join(f"{name} {spec.version}" for name, spec in sorted(agents.items()))
    return hashlib.sha256(versions.encode()).hexdigest()[:LENGTH]


def pinned_to(release: str) -> WorkerDeploymentConfig:
    """What a worker of a release is started with."""
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(DEPLOYMENT, release),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


async def is_new(client: Client, release: str) -> bool:
    """Whether no run can have begun on it: it was never current, nor did it ramp. Raises RuntimeUnavailable."""
    info = await describe(client)
    states = {one.deployment_version.build_id: one.status for one in info.version_summaries} if info else {}
    return release not in states or states[release] not in _STATES


async def introduce(client: Client, release: str, percent: float) -> None:
    """Give a release that is new so many of a hundred new runs; all of them when it is the first.

    Raises:
        RuntimeUnavailable: Temporal does not know the release, or does not take the change.
    """
    by = f"its first worker, {client.identity}"
    if percent >= 100 or not await current(client):
        await make_current(client, release, by=by)
    elif percent > 0:
        await ramp(client, release, percent, by=by)


async def make_current(client: Client, release: str, *, by: str = "") -> None:
    """New runs begin on this release from now on; a worker of it must be up, or come up within half a minute.

    `by`: who changes it, for the action log.

    Raises:
        RuntimeUnavailable: Temporal does not know the release, or does not take the change.
    """
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=release, identity=by or client.identity
    )
    await _until_taken(
        lambda: client.workflow_service.set_worker_deployment_current_version(request),
        f"The release {release!r} could not be made current",
    )


async def ramp(client: Client, release: str, percent: float, *, by: str = "") -> None:
    """Let so many of a hundred new runs begin on this release, the others on the current one; 0 ends its ramp.

    Raises:
        BadInput: not a percentage.
        RuntimeUnavailable: Temporal does not know the release, or does not take the change.
    """
    if not 0 <= percent <= 100:
        raise BadInput("a percentage is 0 to 100", field="percent", value=percent)
    request = SetWorkerDeploymentRampingVersionRequest(
        namespace=client.namespace,
        deployment_name=DEPLOYMENT,
        build_id=release if percent else "",
        percentage=percent,
        identity=by or client.identity,
    )
    await _until_taken(
        lambda: client.workflow_service.set_worker_deployment_ramping_version(request),
        f"The release {release!r} could not be ramped",
    )


async def current(client: Client) -> str:
    """The release on which new runs begin; empty when none is. Raises RuntimeUnavailable."""
    info = await describe(client)
    return info.routing_config.current_deployment_version.build_id if info else ""


async def releases(client: Client) -> tuple[Release, ...]:
    """Every release that Temporal remembers, the newest first. Raises RuntimeUnavailable."""
    info = await describe(client)
    if info is None:
        return ()
    routing = info.routing_config
    now, next_ = routing.current_deployment_version.build_id, routing.ramping_deployment_version.build_id
    ramped = routing.ramping_version_percentage if next_ else 0.0
    found: list[Release] = []
    for one in info.version_summaries:
        name = one.deployment_version.build_id
        share = 100 - ramped if name == now else ramped if name == next_ else 0.0
        found.append(
            Release(
                name=name,
                state=_STATES.get(one.status, "new"),
                share=share,
                open_runs=await open_runs(client, name),
                created_at=one.create_time.ToDatetime(UTC),
            )
        )
    return tuple(sorted(found, key=lambda one: one.created_at, reverse=True))


async def open_runs(client: Client, release: str) -> int:
    """How many runs that began on this release go on. Raises RuntimeUnavailable."""
    query = f"TemporalWorkerDeploymentVersion = '{DEPLOYMENT}:{release}' AND ExecutionStatus = 'Running'"
    try:
        return (await client.count_workflows(query)).count
    except RPCError as error:
        raise RuntimeUnavailable(f"Temporal does not count the runs of {release!r}: {error.message}.") from error


async def describe(client: Client, *, patience: float = WAIT_SECONDS) -> WorkerDeploymentInfo | None:
    """What Temporal knows of our releases; None before the first. Raises RuntimeUnavailable.

    Temporal answers this question only so often, whoever asks; it is asked again for so many seconds.
    """
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=DEPLOYMENT)
    until = time.monotonic() + patience
    while True:
        try:
            return (await client.workflow_service.describe_worker_deployment(request)).worker_deployment_info
        except RPCError as error:
            if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.UNIMPLEMENTED):  # the test server has none
                return None
            if error.status != RPCStatusCode.RESOURCE_EXHAUSTED or time.monotonic() > until:
                raise RuntimeUnavailable(f"Temporal does not describe the releases: {error.message}.") from error
        await asyncio.sleep(0.5)


async def _until_taken(change: Callable[[], Awaitable[object]], failed: str) -> None:
    """Temporal hears of a release from its worker's first poll, a moment after the worker has started."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            await change()
            return
        except RPCError as error:
            if time.monotonic() > until:
                raise RuntimeUnavailable(f"{failed}: {error.message}.") from error
            await asyncio.sleep(0.2)
