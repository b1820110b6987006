"""Play cases in a process of its own: `python -m chargehand.testing.played CASES` writes an evaluation as JSON.

So two versions of one package can be played side by side: each process finds its version first on its path. A call
that the recording does not have is answered as well as can be, because another version may make other calls.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from chargehand.agents.catalog import discover_agents
from chargehand.agents.known import known_tools
from chargehand.agents.model import AgentSpec
from chargehand.connectors.registry import load_connectors
from chargehand.errors import ChargehandError
from chargehand.policy.service import PolicyService
from chargehand.settings import settings
from chargehand.testing.case import Case, load_cases
from chargehand.testing.evaluation import Evaluation, evaluate


async def play_all(
    cases: list[Case],
    *,
    strict: bool | None = None,
    policies: Path | None = None,
    agents: list[AgentSpec] | None = None,
) -> Evaluation:
    """Play cases with the installed agents under the policy in force. Raises BadSettings, BadPolicy."""
    specs = agents if agents is not None else list(discover_agents().values())
    folder = policies or settings().policies
    policy = PolicyService.from_folder(folder, known_tools(load_connectors(folder), specs))
    return await evaluate(cases, specs, policy=policy, strict=strict)


def main(arguments: list[str]) -> int:
    # Temporal's core writes to standard output, where only the evaluation belongs.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        cases = [case for one in arguments for case in load_cases(Path(one))]
        done = asyncio.run(play_all(cases, strict=False))
    except ChargehandError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with answer:
        answer.write(done.model_dump_json())
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)  # the interpreter sometimes aborts while it unloads Temporal's core
