"""What happens at each node. No governance here: a call waits for people where policy asks, and says what they said."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from chargehand import ask_person, attempt, not_done, note, patience
from chargehand.outcome import Outcome
from chargehand_connectors.erp import tools as erp
from chargehand_connectors.erp.model import Order
from chargehand_connectors.logistics import tools as logistics
from chargehand_connectors.mail import tools as mail
from chargehand_workflows.complaint_resolution import texts
from chargehand_workflows.complaint_resolution.forms import CarrierSays, Decide, OrderNumberAsked, ReturnStands
from chargehand_workflows.complaint_resolution.model import VERDICTS_ZH, Assessment
from chargehand_workflows.complaint_resolution.state import Output, State
from chargehand_workflows.complaint_resolution.triage import RULES, assess

Update = dict[str, Any]
"""What a node changes of the state."""

SERVICE = "role:customer-service"
FINANCE = "finance@example.com"
MOST_TIMES_ASKED = 2
MOST_SUGGESTIONS = 3
CARRIER_PATIENCE = "30s"


async def ask_order_number(state: State) -> Update:
    """At most twice: the router counts."""
    asked = await ask_person(OrderNumberAsked, to=SERVICE, within="2d", title=f"Which order? {state.text[:80]}")
    times = state.times_asked + 1
    return {"times_asked": times, "order_number": asked.order_number.strip() if asked else ""}


async def look_up(state: State) -> Update:
    """Where the two look-ups part."""
    note(f"Looks up order {state.order_number} and its parcels.", zh=f"查找订单 {state.order_number} 及其包裹。")
    return {"order": None, "shipments": None}


async def fetch_order(state: State) -> Update:
    found = await attempt(erp.get_order, number=state.order_number)
    if found.succeeded:
        return {"order": erp.get_order.decode(found.value)}
    if found.failure and found.failure.kind == "not_found":
        note(f"There is no order {state.order_number}.", zh=f"没有订单 {state.order_number}。")
        return {"order": None}
    raise not_done(found)


async def fetch_shipments(state: State) -> Update:
    """The carrier may be down: the call was retried by then, and a person is asked instead."""
    with patience(CARRIER_PATIENCE):
        found = await attempt(logistics.shipments_for_order, order=state.order_number)
    if found.succeeded:
        return {"shipments": logistics.shipments_for_order.decode(found.value)}
    if found.failure and found.failure.kind == "not_found":
        return {"shipments": None}
    return {"shipments": None, "carrier_said": "unreachable"}


async def ask_about_shipment(state: State) -> Update:
    said = await ask_person(
        CarrierSays, to=SERVICE, within="2d", title=f"The carrier can't be reached about order {state.order_number}"
    )
    return {"carrier_said": said.status if said else "unknown"}


async def triage(state: State) -> Update:
    order = _order(state)
    text = state.text if state.carrier_said != "lost" else f"{state.text} (carrier: lost)"
    assessment, by = await assess(text, state.wish, order, state.shipments)
    who, zh = (
        ("Decided by rules, no language model", "由规则决定，未用语言模型")
        if by == RULES
        else ("Decided with a language model", "借助语言模型决定")
    )
    note(
        f"{who}: {assessment.verdict}, {assessment.reason}",
        zh=f"{zh}：{VERDICTS_ZH[assessment.verdict]}。{assessment.reason}",
        decided_by=by,
    )
    return {"assessment": assessment, "decided_by": by}


async def ask_what_to_do(state: State) -> Update:
    """Neither rules nor model could tell: a person decides; without an answer nothing is refunded."""
    decided = await ask_person(Decide, to=SERVICE, within="3d", title=f"What is due for order {state.order_number}?")
    category = state.assessment.category
    if decided is None:
        return {"assessment": Assessment(category=category, verdict="no_refund", reason="Nobody decided in time.")}
    assessment = Assessment(category=category, verdict=decided.verdict, reason=decided.reason)
    return {"assessment": assessment, "decided_by": "person"}


async def open_complaint(state: State) -> Update:
    order = _order(state)
    opened = await attempt(
        erp.open_complaint, order=order.number, reason=state.assessment.reason, description=state.text
    )
    if not opened.succeeded:
        return {"why_not": _why(opened)}
    return {"complaint_number": erp.open_complaint.decode(opened.value).number}


async def create_return(state: State) -> Update:
    order = _order(state)
    made = await attempt(erp.create_return, order=order.number, complaint=state.complaint_number)
    if not made.succeeded:
        return {"why_not": _why(made)}
    claimed = erp.create_return.decode(made.value)
    return {"return_number": claimed.number, "refund": _refund(state.amount, claimed.amount)}


async def create_credit_note(state: State) -> Update:
    """The money. Policy may ask one person, two, or nobody; this waits, for days if need be.

    Who says no may suggest other values: with them it is a new call, and policy decides on it afresh.
    """
    order = _order(state)
    asked: dict[str, Any] = {
        "order": order.number,
        "return_number": state.return_number,
        "customer": order.customer.name,
        "amount": _known(state.refund),
        "currency": order.currency,
        "reason": state.assessment.reason,
    }
    posted = await attempt(erp.create_credit_note, **asked)
    for _ in range(MOST_SUGGESTIONS):
        if not posted.failure or not posted.failure.instead:
            break
        asked = posted.failure.instead
        what = f"{asked['amount']} {asked['currency']}"
        note(f"Suggested instead: {what}.", zh=f"改为建议：{what}。")
        posted = await attempt(erp.create_credit_note, **asked)
    if not posted.succeeded:
        return {"why_not": _why(posted)}
    made = erp.create_credit_note.decode(posted.value)
    return {"refund": Decimal(asked["amount"]), "credit_note": made.number}


async def cancel_return(state: State) -> Update:
    """The refund was refused after the return was made: the return is taken back, through the same gate.

    Where that is refused too, a person takes it back, or the result names the return that stands.
    """
    taken_back = await attempt(
        erp.cancel_return, return_number=state.return_number, reason=f"No refund: {state.why_not}"[:500]
    )
    if taken_back.succeeded:
        return {"return_number": ""}
    note(
        f"Return {state.return_number} stands: {_why(taken_back)}",
        zh=f"退货单 {state.return_number} 仍然有效：{_why(taken_back)}",
    )
    said = await ask_person(
        ReturnStands, to=SERVICE, within="3d", title=f"Return {state.return_number} could not be cancelled"
    )
    return {"return_number": "" if said and said.cancelled else state.return_number}


async def replace(state: State) -> Update:
    order = _order(state)
    made = await attempt(
        erp.create_replacement, order=order.number, customer=order.customer.name, reason=state.assessment.reason
    )
    if not made.succeeded:
        return {"why_not": _why(made)}
    return {"replacement": erp.create_replacement.decode(made.value).number}


async def notify_finance(state: State) -> Update:
    """Money left, or goods without money came: finance hears of it. The refund stands, whatever becomes of the mail."""
    subject, body = texts.for_finance(state)
    sent = await attempt(mail.send, to=FINANCE, subject=subject, body=body, reference=state.order_number)
    if not sent.succeeded:
        untold = f"Finance was not told: {_why(sent)}"
        note(untold, zh=f"未能通知财务：{_why(sent)}")
        return {"mail": "", "untold": untold}
    return {"mail": mail.send.decode(sent.value).message_id}


async def close(state: State) -> Output:
    """The result, in the words of the ERP's documents."""
    order, assessment = state.order, state.assessment
    refunded = bool(state.credit_note)
    if order is None:
        result, reason = "order_unknown", f"No order was found for {state.order_number or 'this complaint'}."
    elif state.why_not:
        result, reason = "not_done", state.why_not
    elif refunded:
        result, reason = "refunded", assessment.reason
    elif state.replacement:
        result, reason = "replaced", assessment.reason
    else:
        result, reason = "no_refund", assessment.reason
    return {
        "result": result,
        "reason": f"{reason} {state.untold}".strip(),
        "decided_by": state.decided_by,
        "order_number": state.order_number,
        "complaint_number": state.complaint_number,
        "return_number": state.return_number,
        "credit_note": state.credit_note,
        "replacement": state.replacement,
        "amount": state.refund if refunded else None,
        "currency": order.currency if order and refunded else "",
        "mail": state.mail,
    }


def _order(state: State) -> Order:
    order = state.order
    if order is None:
        raise RuntimeError("no order was found, and the graph went on")
    return order


def _known(refund: Decimal | None) -> Decimal:
    if refund is None:
        raise RuntimeError("no amount was found, and the graph went on")
    return refund


def _refund(asked: Decimal | None, claimed: Decimal) -> Decimal:
    """What the customer asked for, and never more than the return claims."""
    return claimed if asked is None else min(asked, claimed)


def _why(outcome: Outcome) -> str:
    return (
        f"{outcome.tool} {outcome.state.replace('_', ' ')}: {outcome.failure.detail if outcome.failure else ''}".strip()
    )
