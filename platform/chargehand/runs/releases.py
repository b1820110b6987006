"""Releases of agents: a run stays on the release on which it began (Temporal's Worker Deployments, pinned).

New runs begin on the current release. Rolling back is making an older one current again; a release may be stopped once
none of its runs is open.
"""

from __future__ import annotations

import asyncio
import time

from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import WorkerDeploymentConfig

from chargehand.errors import BadInput, RuntimeUnavailable

DEPLOYMENT = "chargehand-agents"
WAIT_SECONDS = 30.0


def pinned_to(release: str) -> WorkerDeploymentConfig:
    """What a worker of a release is started with."""
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(DEPLOYMENT, release),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


async def make_current(client: Client, release: str) -> None:
    """New runs begin on this release from now on; a worker of it must be up, or come up within half a minute.

    Raises:
        RuntimeUnavailable: Temporal does not know the release, or does not take the change.
    """
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=release, identity=client.identity
    )
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            await client.workflow_service.set_worker_deployment_current_version(request)
            return
        except RPCError as error:
            # Temporal hears of a release from its worker's first poll, a moment after the worker has started.
            if time.monotonic() > until:
                raise RuntimeUnavailable(f"The release {release!r} could not be made current: {error}.") from error
            await asyncio.sleep(0.2)


async def ramp(client: Client, release: str, percent: float) -> None:
    """Let so many of a hundred new runs begin on this release; the others on the current one.

    Raises:
        BadInput: not a percentage.
        RuntimeUnavailable: Temporal does not take it.
    """
    if not 0 <= percent <= 100:
        raise BadInput("a percentage is 0 to 100", field="percent", value=percent)
    try:
        await client.workflow_service.set_worker_deployment_ramping_version(
            SetWorkerDeploymentRampingVersionRequest(
                namespace=client.namespace,
                deployment_name=DEPLOYMENT,
                build_id=release,
                percentage=percent,
                identity=client.identity,
            )
        )
    except RPCError as error:
        raise RuntimeUnavailable(f"The release {release!r} could not be ramped: {error}.") from error


async def current(client: Client) -> str:
    """The release on which new runs begin; empty when none is."""
    try:
        found = await client.workflow_service.describe_worker_deployment(
            DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=DEPLOYMENT)
        )
    except RPCError as error:
        raise RuntimeUnavailable(f"Temporal does not say which release is current: {error}.") from error
    return found.worker_deployment_info.routing_config.current_deployment_version.build_id
