"""`chargehand release` against a real Temporal: see releases, ramp, make current, roll back."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from chargehand import clock
from fixtures.company import Here, company

pytestmark = pytest.mark.stack


async def command(here: Here, *words: str) -> tuple[int, str]:
    here_is = {
        "CHARGEHAND_TEMPORAL_ADDRESS": f"127.0.0.1:{here.port}",
        "CHARGEHAND_STATE_DIR": str(here.folder),
        "COLUMNS": "200",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chargehand.cli", "release", *words),
        env=here_is,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def shares(here: Here) -> dict[str, Any]:
    code, said = await command(here, "list", "--json")
    assert code == 0, said
    return {one["name"]: (one["share"], one["open_runs"], one["may_stop"]) for one in json.loads(said)}


async def test_ramp_make_current_and_roll_back(tmp_path: Path) -> None:
    async with company(tmp_path) as here:
        assert await shares(here) == {}
        await here.release(1)
        await here.start("job", "person", clock.now())
        await here.release(2, share=0)
        assert await shares(here) == {"v1": (100, 1, False), "v2": (0, 0, True)}
        code, said = await command(here, "ramp", "v2", "30")
        assert (code, "v2 gets 30 % of the new runs" in said) == (0, True), said
        assert await shares(here) == {"v1": (70, 1, False), "v2": (30, 0, False)}
        assert (await command(here, "current", "v2"))[0] == 0
        assert await shares(here) == {"v1": (0, 1, False), "v2": (100, 0, False)}
        assert (await command(here, "current", "v1"))[0] == 0  # back
        assert await shares(here) == {"v1": (100, 1, False), "v2": (0, 0, True)}
        code, said = await command(here, "list")
        assert "may be stopped" in said
        assert (await command(here, "ramp", "v2", "101"))[0] == 2
