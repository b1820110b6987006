"""The people of the demo tenant. Their roles stand in policies/, their password is given by whoever seeds."""

from __future__ import annotations

from dataclasses import dataclass

from chargehand import clock
from chargehand.database import Database, Transaction
from chargehand.identity import store
from chargehand.identity.secrets import hash_now
from chargehand.identity.service import check_password, new_user

TENANT = "demo"


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """`sign_in` is the name to type; `does` says what this person is for in the demo."""

    sign_in: str
    name: str
    does: str

    @property
    def principal(self) -> str:
        return f"person:{self.sign_in}"


DEMO_PEOPLE = (
    DemoPerson("amy", "Amy Chen", "customer service: starts complaints"),
    DemoPerson("li", "Li Wei", "customer-service lead: approves refunds"),
    DemoPerson("max", "Max Bauer", "customer-service lead: the second one"),
    DemoPerson("fay", "Fay Novak", "finance: approves large refunds"),
    DemoPerson("ada", "Ada Okafor", "auditor: reads and verifies the action log"),
    DemoPerson("root", "Rita Root", "administrator"),
)


def seed_demo(db: Database, password: str) -> None:
    """Let the demo people sign in with this password; those who exist get it as their new one.

    Safe to repeat at every start. Raises BadInput for a password that is too short.
    """
    check_password(password)
    hashed = hash_now(password)
    now = clock.now()

    def unit(tx: Transaction) -> None:
        for person in DEMO_PEOPLE:
            user = new_user(TENANT, person.sign_in, person.name, "person", now)
            if not store.change_user(tx.connection, TENANT, user.principal.id, {"password_hash": hashed}):
                store.add_user(tx.connection, user, hashed)

    db.write_now(unit)
