"""The people of the demo tenant. Their roles stand in policies/, their password is given by whoever seeds."""

from __future__ import annotations

from chargehand import clock
from chargehand.database import Database, Transaction
from chargehand.identity import store
from chargehand.identity.secrets import hash_now
from chargehand.identity.service import check_password, new_user

TENANT = "demo"
PEOPLE = {
    "amy": "Amy Chen",
    "li": "Li Wei",
    "max": "Max Bauer",
    "fay": "Fay Novak",
    "ada": "Ada Okafor",
    "root": "Rita Root",
}


def seed_demo(db: Database, password: str) -> list[str]:
    """Let the demo people sign in with this password; those who exist get it as their new one.

    Returns their sign-in names. Safe to repeat at every start.
    """
    check_password(password)
    hashed = hash_now(password)
    now = clock.now()

    def unit(tx: Transaction) -> None:
        for login, name in PEOPLE.items():
            user = new_user(TENANT, login, name, "person", now)
            if not store.change_user(tx.connection, TENANT, user.principal.id, {"password_hash": hashed}):
                store.add_user(tx.connection, user, hashed)

    db.write_now(unit)
    return list(PEOPLE)
