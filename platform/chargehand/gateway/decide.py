"""Stage 3, decide: may this chain of principals do this, now? Whatever can't be answered is a no, with its reason."""

from __future__ import annotations

import logging
from dataclasses import replace

from chargehand.database import Transaction
from chargehand.errors import ChargehandError
from chargehand.gateway import history
from chargehand.gateway.desk import Case, Desk, Stop
from chargehand.gateway.model import StoredCall
from chargehand.identity import store as identity
from chargehand.policy.attributes import Attributes
from chargehand.policy.model import Decision, Reason, Request
from chargehand.risk import freeze
from chargehand.risk.signals import Assessment, assess, counterparty_of

logger = logging.getLogger("chargehand.gateway")


def decide(tx: Transaction, desk: Desk, case: Case) -> Case | Stop:
    call, pin = case.call, case.pin
    if case.problem is not None or pin is None:
        detail = case.problem.detail if case.problem else f"{call.tool} is not a reviewed tool."
        return _denied(case, "gateway.not_callable", detail)
    if case.known is not None and _reviewed(case.known) != (pin.digest, pin.effect, pin.delivery):
        return _denied(case, "gateway.pin_changed", f"The review of {call.tool} changed since the call was proposed.")
    frozen = freeze.covering(tx.connection, call.tenant, call.chain, call.tool)
    if frozen is not None:
        return _denied(case, "gateway.frozen", frozen.sentence)
    try:
        risk = _risk(tx, case)
        decision = desk.policy.decide(
            Request(
                tenant=call.tenant,
                chain=call.chain,
                tool=call.tool,
                effect=pin.effect,
                arguments=case.arguments,
                at=case.at,
                run=call.run,
                attributes=_attributes(tx, desk, case),
                risk=risk.risk,
                history=history.CallHistory(tx.connection, call.tenant, call.key),
            )
        )
    except ChargehandError as error:
        return _denied(case, "gateway.undecidable", f"Policy could not be asked: {error}")
    except Exception as error:  # absence denies: a fault in deciding must never let a call through
        logger.exception("deciding on %s failed", call.tool)
        return _denied(case, "gateway.undecidable", f"Policy could not be asked ({type(error).__name__}).")
    if decision.verdict not in ("allow", "ask", "deny"):
        return _denied(case, "gateway.undecidable", f"Policy gave an answer that is not known: {decision.verdict!r}.")
    return replace(case, decision=decision, risk=risk)


def _attributes(tx: Transaction, desk: Desk, case: Case) -> Attributes:
    """As of this transaction: what was committed before it is seen."""
    call = case.call

    def declared(agent: str) -> dict[str, str]:  # of agents further out in the chain the version is not known here
        return {"owner": desk.owner_of(agent), "version": call.agent_version if agent == call.chain[-1] else ""}

    return Attributes(lambda principal: identity.attributes_of(tx.connection, call.tenant, principal), declared)


def _reviewed(known: StoredCall) -> tuple[str, str, str]:
    """The digest covers what the server published; effect and delivery are our review's own words."""
    return known.pin, known.effect, known.delivery


def _risk(tx: Transaction, case: Case) -> Assessment:
    """Reads change nothing: their risk is not looked up, so that they stay quick."""
    if case.pin is None or case.pin.effect == "read":
        return Assessment(0.0)
    call = case.call
    counterparty = counterparty_of(case.arguments)
    past = history.past(tx.connection, call.tenant, call.key, call.tool, counterparty, case.at)
    return assess(case.arguments, past)


def _denied(case: Case, message_id: str, sentence: str) -> Case:
    reason = Reason("", case.call.chain[0], "deny", sentence, message_id)
    return replace(case, decision=Decision("deny", (reason,), policy_revision=""))
