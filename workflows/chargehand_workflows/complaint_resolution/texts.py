"""What finance reads."""

from __future__ import annotations

from chargehand_workflows.complaint_resolution.state import State


def for_finance(state: State) -> tuple[str, str]:
    """Subject (one line) and body of the mail to finance."""
    order = state.order
    if order is None:
        raise RuntimeError("nothing is refunded or replaced without an order")
    number, customer = order.number, order.customer.name
    reason = state.assessment.reason
    if state.credit_note:
        amount = f"{state.refund:f} {order.currency}"
        subject = f"Refund {amount} for order {number}"
        lines = [
            f"Credit note {state.credit_note} over {amount} was posted for {customer}.",
            f"Order {number}, return {state.return_number}, complaint {state.complaint_number}.",
        ]
    else:
        subject = f"Free replacement for order {number}"
        lines = [f"Order {state.replacement} sends {customer} a replacement, free of charge, for order {number}."]
    body = "\n".join([*lines, f"Reason: {reason}", "", "Sent by the agent complaint-resolution."])
    return " ".join(subject.split())[:200], body
