"""Governed calls a second beside direct calls to the same MCP server, in one run.

    python benchmarks/gateway_throughput.py [--seconds 5] [--rounds 3] [--rules 1000] [--tool both|read|write]
                                            [--traces none|ids|file] [--check]

Arms, in turn within each round, so that both see the same machine; 64 callers and 1 caller:
  direct     the MCP SDK's own client calls the tool over stdio: no gateway, no pool, nothing recorded
  governed   the caller's API token is verified (Identity.by_token, as at the MCP endpoint), then Gateway.call: strict
             JSON and schema, canonical digest, policy at RULES rules (Casbin), durable intent, the connector pool,
             durable outcome with its result digest (SQLite, synchronous=FULL)

Each arm has a server process of its own from the same file. Results, with every latency, go to benchmarks/results/.
Bars, on a quiet machine: governed >= 50 % of direct calls/s at 64 callers, added p99 <= 5 ms at 1 caller; `--check`
makes a miss an error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import mcp_types as types
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from chargehand import clock, telemetry  # noqa: E402
from chargehand.api.sign_ins import record_sign_in  # noqa: E402
from chargehand.audit import log  # noqa: E402
from chargehand.connectors.definition import declared  # noqa: E402
from chargehand.connectors.pins import PinBook, make_pin, write_pins  # noqa: E402
from chargehand.connectors.pool import ConnectorPool  # noqa: E402
from chargehand.database import Database  # noqa: E402
from chargehand.gateway.desk import Desk  # noqa: E402
from chargehand.gateway.gateway import Gateway  # noqa: E402
from chargehand.gateway.model import ToolCall  # noqa: E402
from chargehand.identity import store as people  # noqa: E402
from chargehand.identity.model import SignedIn  # noqa: E402
from chargehand.identity.service import Identity, new_user  # noqa: E402
from chargehand.outcome import Outcome  # noqa: E402
from chargehand.policy.service import PolicyService  # noqa: E402
from fixtures.connectors import counting  # noqa: E402

CALLERS = (64, 1)
BAR_PERCENT = 50.0
BAR_ADDED_P99_MS = 5.0
ARGUMENTS: dict[str, dict[str, Any]] = {
    "read": {"account": "A-1"},
    "write": {"account": "A-1", "amount": "12.50", "currency": "EUR"},
}
OPERATION = {"read": "count", "write": "book"}


def write_policies(folder: Path, rules: int) -> None:
    """A policy of one tenant with RULES rules, most of which do not match, as in a company."""
    tenant = folder / "bench"
    tenant.mkdir(parents=True)
    (folder / "model.conf").write_text((ROOT / "policies/model.conf").read_text())
    (tenant / "tenant.yaml").write_text((ROOT / "policies/demo/tenant.yaml").read_text().replace("demo", "bench"))
    (tenant / "approvals.yaml").write_text("{}\n")
    said = "says: {en: Bench., zh: 基准。}"
    roles = "".join(f"  role-{number}: {{{said}}}\n" for number in range(2, rules))
    holders = "holders:\n  person:amy: [clerk]\n  agent:bench: [clerk]\n"
    (tenant / "roles.yaml").write_text(f"roles:\n  clerk: {{{said}}}\n{roles}{holders}")
    lines: list[str] = []
    for number in range(rules):
        name = OPERATION["read"] if number % 2 else OPERATION["write"]
        effect = "read" if number % 2 else "irreversible"
        who = "clerk" if number < 2 else f"role-{number}"
        lines.append(
            f"- id: r{number}\n  for: {who}\n  tool: ledger.{name}\n  effect: {effect}\n  then: allow\n"
            f"  when: 'args.account == \"A-{1 if number < 2 else number}\"'\n  says:\n    en: Bench.\n    zh: 基准。\n"
        )
    (tenant / "rules.yaml").write_text("".join(lines))


async def direct(stack: AsyncExitStack, folder: Path, tool: str) -> Callable[[int], Awaitable[None]]:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=[counting.__file__],
        env={"LEDGER_FILE": str(folder / "direct.db"), "PYTHONPATH": str(ROOT / "tests")},
    )
    client = await stack.enter_async_context(Client(parameters))

    async def call(number: int) -> None:
        meta: Any = {"chargehand/key": _key(number)}
        result = await client.session.send_request(
            types.CallToolRequest(
                params=types.CallToolRequestParams(name=OPERATION[tool], arguments=ARGUMENTS[tool], _meta=meta)
            ),
            types.CallToolResult,
        )
        assert not result.is_error, result

    return call


async def governed(stack: AsyncExitStack, folder: Path, tool: str, rules: int) -> Callable[[int], Awaitable[None]]:
    policies = folder / "policies"
    write_policies(policies, rules)
    pins = [
        make_pin(review, declared(each))
        for review, each in zip(counting.connector.reviews, counting.connector.tools, strict=True)
    ]
    write_pins(policies, counting.connector, pins)
    db = Database(f"sqlite:///{folder}/gateway.db")
    stack.callback(db.close)
    db.create_schema()
    log.initialise(db)
    environment = {"LEDGER_FILE": str(folder / "governed.db"), "PYTHONPATH": str(ROOT / "tests")}
    book = PinBook(policies)
    pool = ConnectorPool([counting.connector], book, environment=environment)
    stack.push_async_callback(pool.close)
    await pool.warm()
    gateway = Gateway(db, Desk(PolicyService.from_folder(policies), book, pool, "bench"))
    identity, secret = await _signed_in(db)
    name = f"ledger.{OPERATION[tool]}"

    async def call(number: int) -> None:
        who = await identity.by_token(secret)
        assert who is not None
        outcome = await gateway.call(
            ToolCall(
                tenant=who.principal.tenant,
                run=f"run_{number % 100}",
                key=_key(number),
                chain=(who.principal.id, "agent:bench"),
                tool=name,
                arguments=ARGUMENTS[tool],
                agent="bench",
                agent_version="v1",
                step="bench",
            )
        )
        assert isinstance(outcome, Outcome), outcome
        assert outcome.succeeded, outcome

    return call


async def _signed_in(db: Database) -> tuple[Identity, str]:
    """A person and the secret of an API token of theirs."""
    user = new_user("bench", "amy", "Amy", "person", clock.now())
    await db.write(lambda tx: people.add_user(tx.connection, user, ""))
    identity = Identity(db, record_sign_in)
    who = SignedIn(user.principal, "password")
    return identity, (await identity.create_token(who, "bench", lifetime=timedelta(days=1)))[1]


_numbers = iter(range(10**9))


def _key(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()


async def measure(call: Callable[[int], Awaitable[None]], callers: int, seconds: float) -> dict[str, Any]:
    """Calls a second and the latency of each call, in milliseconds."""
    latencies: list[float] = []
    until = time.perf_counter() + seconds

    async def caller() -> None:
        while (began := time.perf_counter()) < until:
            await call(next(_numbers))
            latencies.append((time.perf_counter() - began) * 1000)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    took = time.perf_counter() - began
    ordered = sorted(latencies)
    return {
        "calls_per_second": len(latencies) / took,
        "p50_ms": ordered[len(ordered) // 2],
        "p99_ms": ordered[int(len(ordered) * 0.99)],
        "own_cpu_ms_per_call": (time.process_time() - cpu) / len(latencies) * 1000,
        "latencies_ms": [round(each, 3) for each in latencies],
    }


async def compare(options: argparse.Namespace, tool: str, folder: Path) -> dict[str, Any]:
    """Both arms with one tool, in turn."""
    samples: list[dict[str, Any]] = []
    async with AsyncExitStack() as stack:
        arms = {
            "direct": await direct(stack, folder, tool),
            "governed": await governed(stack, folder, tool, options.rules),
        }
        for arm in arms.values():
            await measure(arm, 8, 1.0)  # warm
        for number in range(options.rounds):
            for callers in CALLERS:
                for name, arm in arms.items():
                    sample = await measure(arm, callers, options.seconds)
                    samples.append({"round": number, "arm": name, "callers": callers, **sample})
                    shown = {key: round(value, 2) for key, value in sample.items() if key != "latencies_ms"}
                    print(tool, number, name, callers, shown, flush=True)
    return {
        "at": datetime.now(UTC).isoformat(),
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()},
        "tool": tool,
        "traces": options.traces,
        "rules": options.rules,
        "summary": summary(samples),
        "samples": samples,
    }


async def main(options: argparse.Namespace) -> list[dict[str, Any]]:
    tools = ("read", "write") if options.tool == "both" else (options.tool,)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=options.folder) as made:
        folder = Path(made)
        if options.traces != "none":  # for the whole process: OpenTelemetry's provider is set once
            telemetry.setup("bench", folder=folder if options.traces == "file" else None, ids=True)
        for tool in tools:
            (folder / tool).mkdir()
            found.append(await compare(options, tool, folder / tool))
        telemetry.shutdown()
    return found


def summary(samples: list[dict[str, Any]]) -> dict[str, float]:
    def of(arm: str, callers: int, field: str) -> float:
        return statistics.median(each[field] for each in samples if each["arm"] == arm and each["callers"] == callers)

    rate = {arm: of(arm, 64, "calls_per_second") for arm in ("direct", "governed")}
    return {
        "direct_calls_per_second_at_64": round(rate["direct"], 1),
        "governed_calls_per_second_at_64": round(rate["governed"], 1),
        "governed_percent_of_direct_at_64": round(100 * rate["governed"] / rate["direct"], 1),
        "added_p50_ms_at_1": round(of("governed", 1, "p50_ms") - of("direct", 1, "p50_ms"), 2),
        "added_p99_ms_at_1": round(of("governed", 1, "p99_ms") - of("direct", 1, "p99_ms"), 2),
    }


def misses(tool: str, found: dict[str, float]) -> list[str]:
    """Which bars were missed, in words."""
    percent, added = found["governed_percent_of_direct_at_64"], found["added_p99_ms_at_1"]
    missed: list[str] = []
    if percent < BAR_PERCENT:
        missed.append(f"{tool}: {percent} % of direct calls/s at 64 callers; the bar is {BAR_PERCENT} %")
    if added > BAR_ADDED_P99_MS:
        missed.append(f"{tool}: {added} ms added p99 at 1 caller; the bar is {BAR_ADDED_P99_MS} ms")
    return missed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--tool", choices=("both", "read", "write"), default="both")
    parser.add_argument("--traces", choices=("none", "ids", "file"), default="ids", help="default: ids, as installed")
    parser.add_argument("--folder", default=None, help="where the databases go; default: the temporary folder")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar is missed")
    given = parser.parse_args()
    missed: list[str] = []
    for result in asyncio.run(main(given)):
        print(json.dumps(result["summary"], indent=2))
        target = ROOT / "benchmarks" / "results" / f"gateway_throughput_{result['tool']}.json"
        target.write_text(json.dumps(result) + "\n")
        print(target)
        missed += misses(result["tool"], result["summary"])
    print("\n".join(missed) or "Both bars are met.")
    raise SystemExit(1 if missed and given.check else 0)
