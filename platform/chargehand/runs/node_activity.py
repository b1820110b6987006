"""What a run's workflow has done on the agents' queue: an author's node that does I/O of its own."""

from __future__ import annotations

import logging
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from chargehand.agents.io_node import marked, run_io_node
from chargehand.runs.failure import line, said, short
from chargehand.runs.payloads import IoNodeIn
from chargehand.runs.sizes import WAY_OUT, too_large
from chargehand.settings import settings

logger = logging.getLogger(__name__)


@activity.defn(name="io_node")
async def io_node(given: IoNodeIn) -> Any:
    """Run a marked function. It may be repeated when it fails or its worker dies.

    Raises:
        ApplicationError: it failed; says why and on which line, in words that can be kept.
    """
    function = marked(given.node)
    if function is None:
        raise ApplicationError(
            f"{given.node} is not marked with @io_node in this version of the agent.",
            type="NotFound",
            non_retryable=True,
        )
    try:
        result = await run_io_node(function, given.value)
    except (Exception, SystemExit) as error:
        logger.warning("%s failed, attempt %d.", given.node, activity.info().attempt, exc_info=error)
        where = line(error, function.__module__)
        raise ApplicationError(short(f"{said(error)} ({where})"), type=type(error).__name__) from None
    if problem := too_large(f"The result of {given.node}", result, settings().largest_value):
        raise ApplicationError(f"{problem}. {WAY_OUT}", type="BadInput", non_retryable=True)
    return result
