"""The graph: a branch, a loop, a parallel branch, and what happens when something fails. Plain LangGraph."""

from __future__ import annotations

from typing import Literal

from langgraph.graph import END, START, StateGraph

from chargehand import Budget, Undo, agent
from chargehand_connectors.erp import tools as erp
from chargehand_connectors.erp.model import Return
from chargehand_connectors.logistics import tools as logistics
from chargehand_connectors.mail import tools as mail
from chargehand_workflows.complaint_resolution import nodes
from chargehand_workflows.complaint_resolution.model import Complaint, Resolution
from chargehand_workflows.complaint_resolution.state import Output, State


def number_known(state: State) -> Literal["look_up", "ask_order_number", "close"]:
    """Ask for a missing number, twice at most."""
    if state.order_number:
        return "look_up"
    return "ask_order_number" if state.times_asked < nodes.MOST_TIMES_ASKED else "close"


def found(state: State) -> Literal["triage", "ask_about_shipment", "ask_order_number", "close"]:
    """An unknown number is asked for again; a carrier that is down is replaced by a person."""
    if state.order is None:
        return "ask_order_number" if state.times_asked < nodes.MOST_TIMES_ASKED else "close"
    return "ask_about_shipment" if state.carrier_said == "unreachable" else "triage"


def decided(state: State) -> Literal["close", "open_complaint", "replace", "ask_what_to_do"]:
    verdict = state.assessment.verdict
    if verdict == "refund":
        return "open_complaint"
    if verdict == "replacement":
        return "replace"
    return "ask_what_to_do" if verdict == "unclear" else "close"


def complaint_opened(state: State) -> Literal["create_return", "close"]:
    return "close" if state.why_not else "create_return"


def return_made(state: State) -> Literal["create_credit_note", "close"]:
    return "close" if state.why_not else "create_credit_note"


def refunded(state: State) -> Literal["notify_finance", "cancel_return"]:
    """Refused, expired or failed after the return was made: take the return back."""
    return "cancel_return" if state.why_not else "notify_finance"


def replaced(state: State) -> Literal["notify_finance", "close"]:
    return "close" if state.why_not else "notify_finance"


def joined(state: State) -> dict[str, str]:
    """Where the two look-ups meet."""
    return {"order_number": state.order.number if state.order else ""}


def undo_return(made: Return) -> dict[str, str]:
    return {"return_number": made.number, "reason": "The run ended before a refund was made."}


graph = StateGraph(State, input_schema=Complaint, output_schema=Output)
graph.add_node("ask_order_number", nodes.ask_order_number, metadata={"label_zh": "询问订单号"})
graph.add_node("look_up", nodes.look_up, metadata={"label_zh": "查找"})
graph.add_node("fetch_order", nodes.fetch_order, metadata={"label_zh": "读取订单"})
graph.add_node("fetch_shipments", nodes.fetch_shipments, metadata={"label_zh": "读取包裹"})
graph.add_node("joined", joined, metadata={"label_zh": "汇合"})
graph.add_node("ask_about_shipment", nodes.ask_about_shipment, metadata={"label_zh": "询问货物去向"})
graph.add_node("triage", nodes.triage, metadata={"label_zh": "判定"})
graph.add_node("ask_what_to_do", nodes.ask_what_to_do, metadata={"label_zh": "询问如何处理"})
graph.add_node("open_complaint", nodes.open_complaint, metadata={"label_zh": "登记投诉"})
graph.add_node("create_return", nodes.create_return, metadata={"label_zh": "创建退货单"})
graph.add_node("create_credit_note", nodes.create_credit_note, metadata={"label_zh": "退款"})
graph.add_node("cancel_return", nodes.cancel_return, metadata={"label_zh": "取消退货"})
graph.add_node("replace", nodes.replace, metadata={"label_zh": "补发"})
graph.add_node("notify_finance", nodes.notify_finance, metadata={"label_zh": "通知财务"})
graph.add_node("close", nodes.close, metadata={"label_zh": "结案"})

graph.add_conditional_edges(START, number_known)
graph.add_conditional_edges("ask_order_number", number_known)
graph.add_edge("look_up", "fetch_order")
graph.add_edge("look_up", "fetch_shipments")
graph.add_edge(["fetch_order", "fetch_shipments"], "joined")
graph.add_conditional_edges("joined", found)
graph.add_edge("ask_about_shipment", "triage")
graph.add_conditional_edges("triage", decided)
graph.add_conditional_edges("ask_what_to_do", decided)
graph.add_conditional_edges("open_complaint", complaint_opened)
graph.add_conditional_edges("create_return", return_made)
graph.add_conditional_edges("create_credit_note", refunded)
graph.add_edge("cancel_return", "close")
graph.add_conditional_edges("replace", replaced)
graph.add_edge("notify_finance", "close")
graph.add_edge("close", END)

complaint_resolution = agent(
    graph,
    name="complaint-resolution",
    title="Complaint resolution",
    description="Finds the order and its parcels, decides what is due, and refunds or replaces. Tells finance.",
    title_zh="投诉处理",
    description_zh="查找订单和包裹，判断应如何处理，退款或补发，并通知财务。",
    owner="group:customer-service",
    category="Customer service",
    input=Complaint,
    output=Resolution,
    business_key="order_number",
    tools=[
        erp.get_order,
        erp.open_complaint,
        erp.create_return,
        erp.cancel_return,
        erp.create_credit_note,
        erp.create_replacement,
        logistics.shipments_for_order,
        mail.send,
    ],
    undo=[Undo(erp.create_return, by=erp.cancel_return, arguments=undo_return)],
    budget=Budget(tool_calls=40, tokens=50_000),
)
