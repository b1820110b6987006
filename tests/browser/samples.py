# ruff: noqa: A001, A002, E501  # the field is called id, and tables of samples are read across
"""Sample answers for every page, built from the API's view models; a page that is looked at needs something to show."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from chargehand.agents import views as agents
from chargehand.approvals import views as approvals
from chargehand.audit import views as audit
from chargehand.audit.model import Record, Who
from chargehand.connectors import views as connectors
from chargehand.gateway import views as calls
from chargehand.identity import views as identity
from chargehand.identity.abilities import ABILITIES
from chargehand.models import views as usage
from chargehand.policy import views as policy
from chargehand.risk import views as risk
from chargehand.runs import views as runs
from chargehand.runs.triggers import hook_views as doors
from chargehand.runs.triggers import intake_views as mails
from chargehand.runs.triggers import schedule_views as plans

NOW = datetime.now(UTC).replace(microsecond=0)
COUNTS = {
    "approvals_waiting_for_me": 4, "tasks_waiting_for_me": 0, "runs_open": 2, "calls_in_doubt": 0, "alerts_open": 2, "frozen": 0,
}  # fmt: skip
DIGEST = hashlib.sha256(b"sample").hexdigest()
AGENT = "complaint-resolution"
NAMES = {"person:amy": "Amy Chen", "person:li": "Li Wei", "person:fay": "Fay Novak", "person:ada": "Ada Okafor"}


def ago(**since: float) -> datetime:
    return NOW - timedelta(**since)


def ahead(**until: float) -> datetime:
    return NOW + timedelta(**until)


def me(state: str) -> dict[str, Any]:
    abilities = [] if state == "forbidden" else list(ABILITIES)
    found = identity.Me(
        tenant="demo", principal="person:li", name="Li Wei", method="password", roles=["customer-service-lead"],
        abilities=abilities,
    )  # fmt: skip
    return found.model_dump(mode="json")


# --- agents -------------------------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "required": ["order", "complaint", "wish"],
    "properties": {
        "order": {
            "type": "string", "title": "Order number", "minLength": 3, "description": "As on the invoice.",
            "examples": ["SO-1042"], "x-zh": {"title": "订单号", "description": "见发票。"},
        },
        "complaint": {"type": "string", "title": "What went wrong?", "maxLength": 2000, "x-zh": {"title": "发生了什么？"}},
        "wish": {
            "type": "string", "title": "What does the customer want?", "enum": ["refund", "replacement", "either"],
            "default": "either", "x-zh": {"title": "客户的诉求", "values": {"refund": "退款", "replacement": "换货", "either": "均可"}},
        },
        "amount": {
            "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?$"}],
            "title": "Amount in question", "x-unit": "EUR", "x-zh": {"title": "涉及金额"},
        },
        "received": {"type": "string", "format": "date", "title": "Goods received on", "x-zh": {"title": "收货日期"}},
        "photos": {"type": "array", "items": {"type": "string"}, "title": "Photos", "description": "Links, one each.", "x-zh": {"title": "照片"}},
        "urgent": {"type": "boolean", "title": "Urgent", "default": False, "x-zh": {"title": "加急"}},
    },
}  # fmt: skip

NODES = [
    ("__start__", "Start", "start", []), ("find_order", "Find the order", "tool", ["erp.get_order"]),
    ("track", "Track the shipment", "tool", ["logistics.track_shipment"]), ("assess", "Assess the case", "model", []),
    ("open_complaint", "Open the complaint", "tool", ["erp.open_complaint"]), ("refund", "Refund", "tool", ["erp.create_credit_note"]),
    ("replace", "Send a replacement", "tool", ["erp.create_replacement"]), ("notify", "Tell the customer", "tool", ["mail.send"]),
    ("__end__", "End", "end", []),
]  # fmt: skip
EDGES = [
    ("__start__", "find_order", ""), ("__start__", "track", ""), ("find_order", "assess", ""), ("track", "assess", ""),
    ("assess", "find_order", "needs more"), ("assess", "open_complaint", "justified"), ("assess", "notify", "not justified"),
    ("open_complaint", "refund", "refund"), ("open_complaint", "replace", "replacement"), ("refund", "notify", ""),
    ("replace", "notify", ""), ("notify", "__end__", ""),
]  # fmt: skip
GRAPH = agents.Graph(
    nodes=[agents.GraphNode(id=id, label=label, kind=kind, tools=tools) for id, label, kind, tools in NODES],
    edges=[agents.GraphEdge(source=a, target=b, label=label, conditional=bool(label)) for a, b, label in EDGES],
    mermaid="graph TD",
)
LEAD = agents.Approvers(
    rule="refund-lead", title="One customer service lead", roles={"customer-service-lead": 1},
    sentence="Refunds above 500 up to 5,000 need one customer service lead.",
)  # fmt: skip
BOTH = agents.Approvers(
    rule="refund-finance", title="A lead and finance", roles={"customer-service-lead": 1, "finance": 1},
    sentence="Refunds above 5,000 need one customer service lead and one person in finance.",
)  # fmt: skip
TOOLS = [
    ("erp.get_order", "Read one order with its lines.", "", "read", "safe", ["allow"], []),
    ("erp.open_complaint", "Open a complaint on an order.", "Open a complaint on order {order}", "write", "keyed", ["allow"], []),
    ("erp.create_credit_note", "Pay money back for an order.", "Refund {amount} for order {order}", "irreversible", "keyed", ["allow", "ask", "deny"], [LEAD, BOTH]),
    ("erp.create_replacement", "Send goods again without charge.", "Send a replacement for order {order}", "write", "keyed", ["allow", "ask"], [LEAD]),
    ("logistics.track_shipment", "Where a parcel is.", "", "read", "safe", ["allow"], []),
    ("mail.send", "Send an e-mail to the customer.", "E-mail {to}: {subject}", "irreversible", "keyed", ["allow"], []),
]  # fmt: skip


def agent_summary(**other: Any) -> agents.AgentSummary:
    values: dict[str, Any] = {
        "name": AGENT, "title": "Resolve a complaint", "owner": "group:customer-service", "version": "3f9a1c7be2d4",
        "description": "Looks up the order and the shipment, assesses the case, and refunds or replaces within the rules.",
        "category": "customer-service", "i_may_start": True, "may_ask_people": True, "frozen": False,
        "title_zh": "处理投诉", "description_zh": "查找订单和运单，评估情况，按规则退款或换货。",
    }  # fmt: skip
    return agents.AgentSummary(**values | other)


def agent() -> agents.Agent:
    return agents.Agent(
        **agent_summary().model_dump(), input_schema=SCHEMA, output_schema={}, graph=GRAPH,
        last_review=agents.AgentReviewView(person="person:ada", name="Ada Okafor", at=ago(days=6), version="2c88", current=False),
        tools=[agents.AgentTool(name=a, description=b, says=c, effect=d, delivery=e, possible=f, approvers=g) for a, b, c, d, e, f, g in TOOLS],
    )  # fmt: skip


FIGURES = runs.AgentFigures(
    agent=AGENT, days=30, runs=148, by_state={"succeeded": 131, "failed": 6, "stopped": 3, "waiting": 8},
    median_seconds=1_640.0, approvals_asked=57, tool_calls=1_036, cost=[runs.Money(amount="4.8130", currency="USD")],
    unpriced=0, last_run_at=ago(minutes=2),
)  # fmt: skip
VERSIONS = [
    runs.AgentVersion(
        version="3f9a1c7be2d4", first_run_at=ago(days=6), last_run_at=ago(minutes=2), runs=41, open_runs=8, current=True
    ),
    runs.AgentVersion(
        version="b01d77e90c3a", first_run_at=ago(days=29), last_run_at=ago(days=6), runs=107, open_runs=0, current=False
    ),
]


# --- runs ---------------------------------------------------------------------------------------------------------


def waiting() -> runs.WaitingView:
    return runs.WaitingView(
        kind="approval", id="apr_1", sentence="Refund 4,280.00 EUR for order SO-1042", node="refund", since=ago(minutes=2),
        until=ahead(hours=23), who=["customer-service-lead"],
    )  # fmt: skip


ENDINGS = {
    0: runs.EndingView(value="refunded", done=True, words={"en": "Refunded", "zh": "已退款"}),
    1: runs.EndingView(value="not_done", done=False, words={"en": "Not done", "zh": "未办成"}),
}


HELD = 9
HELD_UP = runs.HeldUpView(
    kind="no_release", sentence="No agents worker of its release 9c1f24d07be3 takes its next step.", way_out="Start one.",
    parameters={"agent": AGENT, "version": "3f9a1c7be2d4", "release": "9c1f24d07be3"}, since=ago(minutes=4), node="refund", line="",
)  # fmt: skip


def run_summary(n: int, state: str, key: str, who: str = "person:amy", **times: Any) -> runs.RunSummaryView:
    return runs.RunSummaryView(
        id=f"run_01KB{n:022d}", agent=AGENT, agent_version="3f9a1c7be2d4", title="Resolve a complaint", business_key=key,
        state=state, principal=who, principal_name=NAMES[who], started_at=times.get("started", ago(minutes=n * 17)),
        ended_at=None if state in ("running", "waiting") else ago(minutes=n * 17 - 2),
        waiting=[waiting()] if state == "waiting" else [], ending=ENDINGS.get(n % 3) if state == "succeeded" else None,
        cost=runs.Money(amount=f"0.00{n * 7 % 60 + 10}", currency="USD") if n % 4 else None,
        held_up=HELD_UP if n == HELD else None,
    )  # fmt: skip


def schedule(n: int, state: Any, **other: Any) -> plans.ScheduleView:
    values: dict[str, Any] = {
        "id": f"sch_{n}", "agent": AGENT, "input": {"complaint": "Goods damaged in transit", "order": f"SO-10{40 + n}"}, "at": None, "cron": "",
        "time_zone": "Europe/Berlin", "words": "Once", "principal": "person:amy", "principal_name": "Amy Chen", "state": state,
        "next_at": ahead(hours=3 * n) if state == "active" else None, "last_due": None, "last_run": "", "last_problem": "",
        "created_at": ago(days=n), "i_may_change": True, "i_may_edit": True, "ends_at": None, "max_runs": None, "runs": 2 * n, "overlap": "start",
    }  # fmt: skip
    return plans.ScheduleView(**values | other)


def due() -> plans.DueTimes:
    times = [ahead(days=1 + n).replace(hour=8, minute=0, second=0) for n in range(5)]
    return plans.DueTimes(
        cron="0 8 * * MON-FRI", time_zone="UTC", words="At 08:00 on Monday through Friday", next=times
    )


RUNS = [
    run_summary(1, "waiting", "SO-1042"), run_summary(2, "running", "SO-1055"), run_summary(3, "succeeded", "SO-1031"),
    run_summary(4, "succeeded", "SO-1029"), run_summary(5, "failed", "SO-0999"), run_summary(6, "succeeded", "SO-1017", "person:li"),
    run_summary(7, "stopped", "SO-1012"), run_summary(8, "succeeded", "SO-1009"), run_summary(HELD, "running", "SO-1003"),
]  # fmt: skip
SCHEDULES = [
    schedule(1, "active", cron="0 8 * * MON-FRI", words="At 08:00 on Monday through Friday", last_due=ago(hours=26), last_run=RUNS[2].id),
    schedule(2, "active", at=ahead(hours=3)),
    schedule(3, "paused", cron="30 17 * * 5", words="At 17:30 on Friday", last_due=ago(days=5), last_problem="person:amy may not start Resolve a complaint. No rule lets person:amy use agent.complaint-resolution (write)."),
    schedule(4, "ended", at=ago(days=2), last_due=ago(days=2), last_run=RUNS[3].id),
]  # fmt: skip
HOOKS = [
    doors.HookView(
        id=f"hook_{n}", name=name, path=f"/hooks/hook_{n}", agent=AGENT, principal="person:amy", principal_name="Amy Chen", made_by="person:amy",
        scheme="standard", mapping={"order": "order.number"}, state=state, secret_number=1, old_secret_until=None, created_at=ago(days=n), i_may_edit=n == 1,
    )
    for n, name, state in ((1, "Web shop", "active"), (2, "Returns portal", "disabled"))
]  # fmt: skip
INTAKES = [
    mails.IntakeView(
        id="intake_1", name="Complaints by mail", agent=AGENT, principal="person:amy", principal_name="Amy Chen", made_by="person:amy",
        tool="mail.list_new", arguments={"to": "complaints@ostwind-pumpen.example"}, mapping={"text": "text"}, every_seconds=60, state="active",
        cursor="17", started=4, next_at=ahead(minutes=1), last_at=ago(minutes=1), last_run=RUNS[2].id, last_problem="", created_at=ago(days=3), i_may_edit=True,
    )
]  # fmt: skip
INTAKE_TOOLS = [
    mails.IntakeTool(
        name="mail.list_new", description="Read what came to an address after a cursor, oldest first.",
        input_schema={
            "type": "object", "required": ["to"],
            "properties": {
                "to": {"type": "string", "title": "To", "description": "One e-mail address", "minLength": 3},
                "limit": {"type": "integer", "title": "Limit", "description": "How many mails at most", "default": 20, "minimum": 1, "maximum": 50},
            },
        },
        message_fields=["id", "sender", "to", "subject", "text", "references", "received_at"],
    )
]  # fmt: skip
DELIVERIES = [
    doors.DeliveryView(id=f"dlv_{n}", at=ago(minutes=n * 9), outcome=outcome, status=status, message=f"msg_{n}", why=why, run=RUNS[n].id if n == 1 else "", address="203.0.113.9", size_bytes=412)
    for n, outcome, status, why in ((1, "started", 202, ""), (2, "repeated", 200, ""), (3, "refused", 401, "The signature is not good."))
]  # fmt: skip
RETRY = runs.RetrySteps(
    refused="",
    steps=[
        runs.RetryStepView(number=3, nodes=["refund"], refused=""),
        runs.RetryStepView(number=2, nodes=["open_complaint"], refused="What it did was taken back."),
        runs.RetryStepView(number=1, nodes=["find_order", "track"], refused=""),
    ],
)
CHILD = "run_01KB0000000000000000000006"
WRITTEN = (
    "The customer writes that the pump arrived with a cracked housing, and sends two pictures of it.\n\n"
    "The carrier's record fits: the parcel was handed over with the remark 'packaging dented'. The order was paid in "
    "full and nothing of it was refunded so far, so a refund of the whole amount is what follows. Category: damaged. "
    "Verdict: refund."
)
STORY = [
    ("node", "find_order", "find order", "succeeded", 0, 900, {}),
    ("tool", "find_order", "Uses erp.get_order", "succeeded", 10, 620, {"tool": "erp.get_order", "arguments": {"number": "SO-1042"}, "result": {"number": "SO-1042", "total": "4280.00", "currency": "EUR"}, "decision": "allow", "call_key": "a" * 64}),
    ("node", "track", "track", "succeeded", 4, 1900, {}),
    ("tool", "track", "Uses logistics.track_shipment", "succeeded", 20, 1800, {"tool": "logistics.track_shipment", "attempts": 2, "decision": "allow"}),
    ("node", "assess", "assess", "succeeded", 2000, 5400, {}),
    ("model", "assess", "Asks a language model", "succeeded", 2010, 5300, {"model": "light", "tokens": 2140, "cost": runs.Money(amount="0.0042", currency="USD"), "position": 3, "text": runs.TextView(attempt=1, text=WRITTEN)}),
    ("node", "open_complaint", "open complaint", "succeeded", 5500, 6300, {}),
    ("tool", "open_complaint", "Uses erp.open_complaint", "succeeded", 5510, 6200, {"tool": "erp.open_complaint", "decision": "allow"}),
    ("agent", "open_complaint", "Hands over to invoice-matching", "succeeded", 6210, 6290, {"child": CHILD}),
    ("node", "refund", "refund", "waiting", 6400, None, {}),
    ("tool", "refund", "Uses erp.create_credit_note", "waiting", 6410, None, {"tool": "erp.create_credit_note", "decision": "ask", "approval": "apr_1", "detail": "Refund 4,280.00 EUR for order SO-1042", "arguments": {"order": "SO-1042", "amount": "4280.00", "currency": "EUR", "reason": "Goods damaged in transit"}}),
]  # fmt: skip


def steps() -> list[runs.Step]:
    begin = ago(minutes=2)
    ids = {"node": "node", "tool": "tool", "model": "model", "agent": "agent"}
    return [
        runs.Step(
            seq=n + 1, id=f"{kind}:{node}", kind=kind, node=node, title=title, state=state, message_id=ids[kind],
            parameters={"node": title, "tool": more.get("tool", ""), "tier": "light", "agent": AGENT}, started_at=begin + timedelta(milliseconds=start),
            ended_at=None if end is None else begin + timedelta(milliseconds=end), **more,
        )
        for n, (kind, node, title, state, start, end, more) in enumerate(STORY)
    ]  # fmt: skip


def run(id: str) -> runs.Run:
    found = next((one for one in RUNS if one.id == id), RUNS[0])
    done = found.state == "succeeded"
    nodes = {
        one.node: runs.NodeState(state="succeeded" if done else one.state, visits=1, milliseconds=900)
        for one in steps()
        if one.kind == "node"
    }
    if done:
        nodes["notify"] = runs.NodeState(state="succeeded", visits=1, milliseconds=640)
    result = (
        {
            "outcome": "refunded",
            "credit_note": "CN-2041",
            "amount": "4280.00",
            "currency": "EUR",
            "customer_told": True,
            "mail": "<01KB@example.com>",
        }
        if done
        else None
    )
    failure = (
        runs.RunFailureView(
            detail="The order SO-0999 does not exist.",
            way_out="Check the number.",
            node="find_order",
            line="graph.py:41",
            kind="NotFound",
        )
        if found.state == "failed"
        else None
    )
    return runs.Run(
        **found.model_dump(), input={"order": "SO-1042"}, result=result, failure=failure, nodes=nodes, parent="", children=[],
        documents=[runs.DocumentView(field="mail", url="http://127.0.0.1:8714/?message_id=01KB")] if done else [], retried_as="", retry_of="", tokens=2140, trace_id="", events=24,
        may=["stop"] if found.state in ("running", "waiting") else ["retry"] if found.state == "failed" else [],
    )  # fmt: skip


# --- approvals ----------------------------------------------------------------------------------------------------

ASKED = [
    ("apr_1", "Refund 4,280.00 EUR for order SO-1042", "erp.create_credit_note", "irreversible", "high", 2, 23, ""),
    ("apr_2", "Send a replacement for order SO-1055", "erp.create_replacement", "write", "medium", 14, 0.7, ""),
    ("apr_3", "Refund 640.00 EUR for order SO-1061", "erp.create_credit_note", "irreversible", "low", 31, 20, "refunds"),
    ("apr_4", "Refund 512.50 EUR for order SO-1063", "erp.create_credit_note", "irreversible", "low", 38, 20, "refunds"),
]  # fmt: skip


IN_CHINESE = {
    "apr_1": "就订单 SO-1042 向 Marta Kowalska 退款 4,280.00 EUR", "apr_2": "就订单 SO-1055 免费补发",
    "apr_3": "就订单 SO-1061 退款 640.00 EUR", "apr_4": "就订单 SO-1063 退款 512.50 EUR",
}  # fmt: skip
CANDIDATES = [
    approvals.Candidate(principal="person:max", name="Max Bauer", holds=["customer-service-lead"]),
    approvals.Candidate(principal="person:zoe", name="Zoe Lang", holds=[]),
]


def approval_summary(row: tuple[Any, ...], state: str = "pending") -> approvals.ApprovalSummary:
    id, sentence, tool, effect, level, minutes, hours, batch = row
    return approvals.ApprovalSummary(
        id=id, state=state, sentence=sentence, digest=DIGEST, tool=tool, effect=effect, agent=AGENT, run=RUNS[0].id,
        requester="person:amy", requester_name="Amy Chen", risk=level, created_at=ago(minutes=minutes), expires_at=ahead(hours=hours),
        quorums=[approvals.Quorum(role="customer-service-lead", needed=1, given=0), *([approvals.Quorum(role="finance", needed=1, given=1)] if level == "high" else [])],
        i_may_answer=state == "pending", batch=batch, sentences={"en": sentence, "zh": IN_CHINESE.get(id, sentence)},
    )  # fmt: skip


def approval(id: str) -> approvals.Approval:
    row = next((one for one in ASKED if one[0] == id), ASKED[0])
    exact = {
        "amount": "4280.00",
        "currency": "EUR",
        "customer": "Marta Kowalska",
        "order": "SO-1042",
        "reason": "Goods damaged in transit",
    }
    labels = {"amount": "Amount", "currency": "Currency", "customer": "Customer", "order": "Order", "reason": "Reason"}
    given = approvals.GivenVerdict(
        person="person:fay",
        name="Fay Novak",
        approve=True,
        comment="Checked against the delivery note.",
        at=ago(minutes=1),
        signed_in_by="password",
        seconds_taken=14.2,
    )
    return approvals.Approval(
        **approval_summary(row).model_dump(), agent_version="3f9a1c7be2d4", call_key="a" * 64, connector="erp",
        arguments=[approvals.Argument(path=name, label=labels[name], text="4,280.00 EUR" if name == "amount" else value, value=value, emphasis=name == "amount") for name, value in exact.items()],
        exact=json.dumps({"arguments": exact, "pin": "sha256:" + "7c" * 32, "run": RUNS[0].id, "tenant": "demo", "tool": approval_summary(row).tool}, separators=(",", ":")), policy_revision="9b2f",
        input_schema={"type": "object", "required": list(exact), "properties": {name: {"type": "string", "title": labels[name]} for name in exact}},
        why=[approvals.Why(rule="refund-finance", sentence="Refunds above 500 need a customer service lead.", fact="", sentences={"zh": "500 以上的退款需要一位客服主管同意。"})],
        signals=[approvals.Signal(level="ok", sentence="The parcel was reported damaged by the carrier."), approvals.Signal(level="high", sentence="3.1 times the usual amount of 1380.00.", message_id="risk.unusual_amount", parameters={"factor": "3.1", "usual": "1380.00"}), approvals.Signal(level="medium", sentence="The first such call for Marta Kowalska.", message_id="risk.first_counterparty", parameters={"counterparty": "Marta Kowalska"})],
        changes=[approvals.Change(field="Order SO-1042", before="Delivered", after="Refunded"), approvals.Change(field="Credit notes", before="", after="4,280.00 EUR")],
        earlier=approvals.Earlier(approved=41, rejected=3, median_seconds=22, last=["apr_0"]),
        on_approve="The credit note is created and the customer is told.", on_deny="The agent offers a replacement instead.",
        verdicts=[given] if row[4] == "high" else [],
    )  # fmt: skip


MANDATE = approvals.MandateView(
    id="mdt_1", agent=AGENT, tool="erp.create_replacement", calls=20, calls_used=7, field="", total="", total_used="", each="", currency="",
    until=ahead(days=21), given_by="person:li", given_by_name="Li Wei", given_at=ago(days=9), reason="Broken batch 44", state="active",
)  # fmt: skip
PROPOSAL = approvals.MandateProposal(
    id="mp_1", agent=AGENT, tool="erp.create_credit_note", sentence="Let complaint-resolution use erp.create_credit_note up to 30 times in 30 days, each at most 700 EUR: 24 such requests were approved in the last 90 days, none rejected.", rules=["refund-lead"], calls=30, field="amount",
    total="15000", each="700", currency="EUR", days=30, approved=28, rejected=0, evidence=["apr_0"],
)  # fmt: skip

# --- log ----------------------------------------------------------------------------------------------------------

KINDS = [
    ("outcome", "erp.get_order", "read", "", "succeeded", "Read order SO-1042"), ("intent", "erp.get_order", "read", "allow", "", "Read order SO-1042"),
    ("verdict", "", "", "", "", "Li Wei approved: Refund 640.00 EUR for order SO-1061"), ("approval_requested", "erp.create_credit_note", "irreversible", "ask", "", "Refund 4,280.00 EUR for order SO-1042"),
    ("decision", "erp.create_credit_note", "irreversible", "deny", "denied", "Refund 9,900.00 EUR for order SO-0991"), ("outcome", "logistics.track_shipment", "read", "", "failed", "Track DE-88120"),
    ("sign_in", "", "", "", "", "signed_in"), ("run", "", "", "", "", "intake_created"), ("run", "", "", "", "denied", "There is no agent 'complaint-resolution'. Agents here: clerk."),
]  # fmt: skip


def record_rows(count: int) -> list[audit.RecordRow]:
    rows = []
    for n in range(count):
        kind, tool, effect, decision, outcome, sentence = KINDS[n % len(KINDS)]
        rows.append(
            audit.RecordRow(
                seq=48_210 - n, id=f"rec_{n}", at=ago(minutes=n * 3), kind=kind, principal="person:amy", agent=f"agent:{AGENT}" if tool else "",
                run=RUNS[0].id if tool else "", tool=tool, effect=effect, decision=decision, outcome=outcome,
                business_key="SO-1042" if tool else "", sentence=sentence, approval="apr_1" if kind == "verdict" else "", call_key="a" * 64 if tool else "",
            )
        )  # fmt: skip
    return rows


def record_detail(seq: str) -> audit.RecordDetail:
    row = next((one for one in record_rows(200) if str(one.seq) == seq), record_rows(4)[3])
    record = Record(
        id=row.id, at=row.at.isoformat(), tenant="demo", kind=row.kind, who=Who(principal="person:amy", chain=("person:amy", f"agent:{AGENT}"), agent=f"agent:{AGENT}", agent_version="3f9a1c7be2d4"),
        run=row.run, tool=row.tool, effect=row.effect, decision=row.decision, outcome=row.outcome, approval=row.approval, business_key=row.business_key,
        digest=DIGEST, call_key=row.call_key, policy_revision="9b2f66a01c", rules=("refund-finance",), arguments={"order": "SO-1042", "amount": "4280.00"},
        detail={"reasons": [{"sentence": "Refunds above 500 need a customer service lead.", "sentences": {"zh": "500 以上的退款需要一位客服主管同意。"}, "rule": "refund-finance"}]},
    )  # fmt: skip
    return audit.RecordDetail(seq=row.seq, record=record, related=record_rows(4)[::-1])


def facets(bucket: str) -> audit.Facets:
    bars = []
    for day in range(30):
        for value, count in (
            ("allow", 90 + (day * 37) % 60),
            ("ask", 6 + (day * 7) % 9),
            ("deny", 2 + (day * 5) % 6),
            ("", 40),
        ):
            bars.append(
                audit.Bar(at=(ago(days=29 - day)).replace(hour=0, minute=0, second=0), value=value, count=count)
            )
    return audit.Facets(
        total=48_210, bucket=bucket, histogram=bars,
        facets=[audit.Facet(field="decision", values={"allow": 40_120, "ask": 610, "deny": 214}, complete=True), audit.Facet(field="outcome", values={"succeeded": 39_800, "failed": 120, "in_doubt": 2, "rejected": 31}, complete=True), audit.Facet(field="agent", values={f"agent:{AGENT}": 40_000}, complete=True)],
    )  # fmt: skip


FIELDS = [
    audit.FilterFieldView(name="decision", kind="word", about="what policy said", aliases=["决策"], values=["allow", "deny", "ask"], labels={"deny": ["denied"]}),
    audit.FilterFieldView(name="tool", kind="word", about="connector.operation", aliases=[], values=[tool[0] for tool in TOOLS], labels={}),
    audit.FilterFieldView(name="run", kind="word", about="the run", aliases=[], values=[], labels={}),
]  # fmt: skip
CHECKPOINT = audit.CheckpointView(
    checkpoint="",
    origin="demo.chargehand",
    size=48_210,
    root=DIGEST,
    key="",
    first_key="",
    rotations=[],
    public_key="",
    cosigned_by=[],
    signed_at=NOW.isoformat(),
)
EXPORT = audit.Export(
    id="exp_1", format="csv", query="decision:deny", state="running", records=1200, total=4000, bytes=90_000, file="log.csv",
    requested_by="person:li", requested_at=ago(minutes=1), finished_at=None, failure="",
)  # fmt: skip

# --- connectors, usage, policy, people, risk ------------------------------------------------------------------------

CONNECTORS = [
    ("erp", "ERP (Tryton)", "Orders, complaints, returns, credit notes.", 9, 1),
    ("logistics", "Carrier", "Where parcels are.", 2, 0),
    ("mail", "Mail", "Letters to customers.", 1, 0),
]


def connector_summary(row: tuple[Any, ...]) -> connectors.ConnectorSummary:
    name, title, description, tools, blocked = row
    return connectors.ConnectorSummary(
        name=name, title=title, description=description, ours=True, tools=tools, blocked=blocked
    )


def tool_view(row: tuple[Any, ...]) -> connectors.ToolView:
    name, description, says, effect, delivery, _, _ = row
    pin = "quarantined" if name == "erp.create_replacement" else "pinned"
    schema = {
        "type": "object",
        "required": ["order"],
        "properties": {"order": {"type": "string", "title": "Order number"}},
    }
    return connectors.ToolView(
        name=name, connector=name.split(".")[0], description=description, says=says, says_zh="", effect=effect, delivery=delivery, pin=pin, digest=DIGEST,
        lookup="", compensated_by="", input_schema=schema,
    )  # fmt: skip


QUARANTINED = connectors.QuarantinedTool(
    tool="erp.create_replacement", connector="erp", kind="changed", pinned_digest=DIGEST, live_digest="f" * 64, live={"name": "create_replacement"}, first_seen=ago(hours=3),
    lines=["- input.properties.quantity.maximum: 10", "+ input.properties.quantity.maximum: 1000", "+ input.properties.express: boolean"],
)  # fmt: skip
HEALTH = [
    connectors.ConnectorHealth(connector="erp", state="quarantined", detail="One tool is in quarantine.", tools=9, milliseconds=84, checked_at=NOW),
    connectors.ConnectorHealth(connector="logistics", state="up", detail="", tools=2, milliseconds=12, checked_at=NOW),
    connectors.ConnectorHealth(connector="mail", state="down", detail="Connection refused by 127.0.0.1:8713.", tools=1, milliseconds=None, checked_at=NOW),
]  # fmt: skip


def usage_of(by: str) -> usage.Usage:
    groups = {
        "agent": [f"agent:{AGENT}", "agent:invoice-matching"],
        "model": ["light", "strong"],
        "principal": ["person:amy", "person:li"],
        "outcome": ["succeeded", "failed"],
    }[by]
    rows = [
        usage.UsageRow(at=ago(days=day), group=group, calls=20 + (day * 13 + n * 7) % 30, tokens_in=31_000, tokens_out=4_200, cost=f"{(1.2 + (day * 7 % 5) * 0.3) / (n + 1):.4f}", currency="USD", unpriced=0)
        for day in range(30) for n, group in enumerate(groups)
    ]  # fmt: skip
    total = usage.UsageTotal(
        calls=2_104, tokens_in=1_860_000, tokens_out=252_000, cost="71.4200", currency="USD", unpriced=3
    )
    budget = usage.Budget(scope=f"agent:{AGENT}", unit="USD", limit="100", reserved="0.4", spent="71.42")
    return usage.Usage(since=ago(days=30), until=NOW, by=by, rows=rows, totals=[total], budgets=[budget])


def rule(id: str, verdict: str, subject: str, tool: str, says: str, zh: str, condition: str = "") -> policy.RuleView:
    return policy.RuleView(
        id=id, verdict=verdict, subject=subject, tool=tool, effect="any", condition=condition, approval=["lead"] if verdict == "ask" else [],
        says={"en": says, "zh": zh}, means={"en": f"{verdict} {tool} for {subject}", "zh": f"对 {subject} 的 {tool} 予以 {verdict}"}, source="demo/rules.yaml:12",
    )  # fmt: skip


RULES = [
    rule("read", "allow", "role:customer-service", "erp.get_*", "Customer service may read orders.", "客服可以读取订单。"),
    rule("refund-small", "allow", "role:customer-service", "erp.create_credit_note", "Refunds up to 500 go through.", "500 以内的退款直接通过。", "arguments.amount <= 500"),
    rule("refund-lead", "ask", "role:customer-service", "erp.create_credit_note", "Refunds above 500 need a lead.", "超过 500 的退款需要主管同意。", "arguments.amount > 500"),
    rule("never", "deny", "everyone", "erp.delete_*", "Nothing is ever deleted.", "任何内容都不得删除。"),
]  # fmt: skip
POLICY = policy.PolicyOverview(
    revision="9b2f66a01c77d0e4", origin="files", source="policies", differs_on_disk=["rules.yaml"], attributes={"department": {"en": "Department", "zh": "部门"}}, time_zone="UTC", rules=RULES, warnings=[], files={"rules.yaml": "rules: []\n"},
    approval_rules=[policy.ApprovalRuleView(name="lead", titles={"en": "One customer service lead", "zh": "一名客服主管"}, quorums=[policy.QuorumView(role="customer-service-lead", count=1)], deadline_seconds=86_400, remind_after_seconds=3_600, escalate_after_seconds=None, escalate_to="", not_requester=True, not_agent_owner=False, not_policy_author=True)],
    roles=[policy.RoleView(name="customer-service-lead", says={"en": "Leads the team."}, includes=["customer-service"], holders=["person:li", "person:max"]), policy.RoleView(name="auditor", says={}, includes=[], holders=["person:ada"])],
)  # fmt: skip
DRAFT = policy.DraftSummary(
    id="drf_1", title="Raise the limit for leads", reason="Agreed on 12 November.", author="person:root", authors=["person:root"], based_on="9b2f", content_hash=DIGEST,
    revision="aa01", state="draft", created_at=ago(hours=5), changed_at=ago(hours=2), reviewed_by="", review_comment="",
)  # fmt: skip
DIFF = policy.DraftDiff(
    before="9b2f", after="aa01", added=[RULES[1]], removed=[RULES[2]], changed=[], gained=[policy.Assignment(principal="person:max", role="finance")], lost=[], approvals=[],
    files=[policy.FileDiff(file="rules.yaml", unified="--- a\n+++ b\n@@ -1 +1 @@\n-limit: 500\n+limit: 800")], separation=[], cases=[], warnings=[],
)  # fmt: skip
CASE = policy.CaseResultView(
    name="small refund",
    sentences={"en": "A refund of 200 goes through.", "zh": "200 的退款直接通过。"},
    place="cases/refunds.yaml:3",
    expected="allow",
    got="allow",
    passed=True,
    failed=[],
)
REVISION = policy.RevisionView(
    revision="9b2f66a01c",
    counter=3,
    draft="drf_0",
    title="First policy",
    authors=["person:root"],
    reviewed_by="person:max",
    activated_by="person:max",
    activated_at=ago(days=12),
    reason="",
    rolled_back=False,
    in_force=True,
)
PEOPLE = [
    identity.Person(principal=principal, name=name, kind="person", roles=[role], abilities=[], active=principal != "person:fay", attributes={}, last_sign_in_at=ago(hours=n + 1))
    for n, (principal, name, role) in enumerate([("person:amy", "Amy Chen", "customer-service"), ("person:li", "Li Wei", "customer-service-lead"), ("person:fay", "Fay Novak", "finance"), ("person:ada", "Ada Okafor", "auditor")])
]  # fmt: skip
ALERTS = [
    risk.AlertView(id="alt_1", level="high", detector="repeated-denials", sentence="person:amy was denied 7 times within an hour: erp.create_credit_note.", agent=f"agent:{AGENT}", tool="erp.create_credit_note", principal="person:amy", run=RUNS[0].id, records=[48_201, 48_204], raised_at=ago(minutes=20), state="open", message_id="", parameters={}, handled_by="", comment=""),
    risk.AlertView(id="alt_2", level="medium", detector="fast-approval", sentence="person:max approved erp.create_credit_note after 1.2 seconds.", agent="", tool="", principal="person:max", run="", records=[48_100], raised_at=ago(hours=4), state="open", message_id="", parameters={}, handled_by="", comment=""),
]  # fmt: skip
FREEZE = risk.FreezeView(
    id="frz_1",
    scope="connector",
    name="mail",
    reason="Letters with wrong names were sent.",
    frozen_by="person:max",
    frozen_at=ago(minutes=9),
    lifted_by="",
    lifted_at=None,
)
TOKEN = identity.Token(
    id="tok_1",
    name="Nightly report",
    owner="person:li",
    created_at=ago(days=3),
    expires_at=ahead(days=27),
    last_used_at=ago(hours=6),
    abilities=None,
    tools=None,
)
FLYING = calls.CallView(
    key="a" * 64, run=RUNS[1].id, agent=AGENT, principal="person:amy", tool="erp.open_complaint", effect="write", delivery="keyed", sentence="Open a complaint on order SO-1055", state="dispatched",
    outcome="", detail="", finding="", arguments=None, digest=DIGEST, rules=[], approval="", mandate="", business_key="SO-1055", attempts=1, proposed_at=ago(seconds=4), dispatched_at=ago(seconds=3), settled_at=None, may_arrive_until=None,
)  # fmt: skip


def answer(method: str, path: str, query: dict[str, str], *, empty: bool) -> Any:
    """The sample for a request, as JSON values; None where there is none."""
    found = _answer(path, query, empty=empty)
    return None if found is None else _plain(found)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _answer(path: str, query: dict[str, str], *, empty: bool) -> Any:
    def some(values: list[Any]) -> list[Any]:
        return [] if empty else values

    head, _, rest = path.partition("/")
    match head:
        case "agents":
            frozen = agent_summary(
                name="invoice-matching",
                title="Match an invoice",
                description="Compares invoice, order and delivery note.",
                category="finance",
                owner="group:finance",
                may_ask_people=False,
            )
            if rest.endswith("/figures"):
                return FIGURES
            if rest.endswith("/versions"):
                return some(VERSIONS)
            return agent() if rest else some([agent_summary(), frozen])
        case "runs":
            if rest.endswith("/retry"):
                return RETRY
            if rest.endswith("/steps"):
                return runs.StepPage(items=some(steps()), next=None)
            return run(rest) if rest else runs.RunPage(items=some(RUNS), next=None)
        case "approvals":
            closed = [approval_summary(ASKED[2], "approved"), approval_summary(ASKED[3], "rejected")]
            rows = closed if query.get("state") == "closed" else [approval_summary(row) for row in ASKED]
            if rest.endswith("/candidates"):
                return some(CANDIDATES)
            return approval(rest) if rest else approvals.ApprovalPage(items=some(rows), next=None, waiting_for_me=4)
        case "intakes":
            return some(INTAKE_TOOLS if rest else INTAKES)
        case "hooks":
            return some(DELIVERIES if rest else HOOKS)
        case "schedules":
            return due() if rest == "due" else some(SCHEDULES)
        case "mandates":
            return some([PROPOSAL] if rest else [MANDATE])
        case "log":
            return _log(rest, query, empty=empty)
        case "connectors":
            if rest == "check":
                return HEALTH
            if rest:
                row = next(one for one in CONNECTORS if one[0] == rest)
                return connectors.ConnectorView(
                    **connector_summary(row).model_dump(),
                    credentials=["TRYTON_PASSWORD"],
                    tool_list=[tool_view(one) for one in TOOLS if one[0].startswith(rest)],
                )
            return some([connector_summary(row) for row in CONNECTORS])
        case "policy":
            return _policy(rest, empty=empty)
        case "calls":
            return calls.CallPage(
                items=some([FLYING] if query.get("state") == "in_flight" or query.get("run") else []), next=None
            )
        case "usage":
            found = usage_of(query.get("by", "agent"))
            return found.model_copy(update={"rows": [], "totals": [], "budgets": []}) if empty else found
        case _:
            return {
                "tools": some([tool_view(one) for one in TOOLS]), "quarantine": some([QUARANTINED]), "people": some(PEOPLE), "tokens": some([TOKEN]), "absences": [], "tasks": [],
                "roles": some([identity.Role(name="customer-service-lead", title="Lead", holders=["person:li"])]), "alerts": some(ALERTS), "freezes": [FREEZE],
            }.get(head)  # fmt: skip


def _log(rest: str, query: dict[str, str], *, empty: bool) -> Any:
    match rest.split("/"):
        case [""]:
            return audit.RecordPage(items=[] if empty else record_rows(200), next=None)
        case ["records", seq]:
            return record_detail(seq)
        case ["facets"]:
            found = facets(query.get("bucket", "day"))
            return found.model_copy(update={"total": 0, "histogram": [], "facets": []}) if empty else found
        case ["fields"]:
            return FIELDS
        case ["checkpoint"]:
            return CHECKPOINT
        case ["queries"]:
            return (
                []
                if empty
                else [
                    audit.SavedQueryView(
                        name="Denied this week", query="decision:deny last 7d", shared=True, created_at=NOW.isoformat()
                    )
                ]
            )
        case ["exports"]:
            return (
                []
                if empty
                else [
                    EXPORT,
                    EXPORT.model_copy(update={"id": "exp_2", "state": "done", "format": "evidence", "records": 4000}),
                ]
            )
        case _:
            return None


def _policy(rest: str, *, empty: bool) -> Any:
    match rest.split("/"):
        case [""]:
            return POLICY
        case ["drafts"]:
            return [] if empty else [DRAFT]
        case ["drafts", _]:
            return policy.DraftView(**DRAFT.model_dump(), files={"rules.yaml": "rules:\n  - id: read\n"})
        case ["drafts", _, "diff"]:
            return DIFF
        case ["cases", "check"]:
            return (
                []
                if empty
                else [
                    CASE,
                    CASE.model_copy(
                        update={"name": "big refund", "passed": False, "got": "deny", "failed": ["ask was expected"]}
                    ),
                ]
            )
        case ["revisions"]:
            return (
                []
                if empty
                else [
                    REVISION,
                    REVISION.model_copy(
                        update={"counter": 2, "revision": "77aa", "in_force": False, "title": "Before"}
                    ),
                ]
            )
        case _:
            return []
