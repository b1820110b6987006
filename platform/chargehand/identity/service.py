"""Sign in, sign out, tokens and people.

Identity stands below the action log, so it is handed a `record` function and calls it inside its own transactions: a
sign-in that can't be recorded does not happen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from chargehand import clock
from chargehand.database import Database, Transaction
from chargehand.errors import BadInput, Forbidden, NotFound, NotSignedIn, TooMany
from chargehand.identity import attributes, store
from chargehand.identity.lookups import TokenLookups
from chargehand.identity.model import ApiToken, Principal, PrincipalKind, SignedIn, SignInEvent, SignInMethod, User
from chargehand.identity.secrets import TOKEN_PREFIX, Passwords, digest, new_secret
from chargehand.ids import new_id

SESSION_HOURS = 12
WINDOW = timedelta(minutes=15)
FAILURES_A_NAME = 10
FAILURES_AN_ADDRESS = 50
TOUCH_SECONDS = 60
MIN_PASSWORD = 12

RecordSignIn = Callable[[Transaction, SignInEvent], None]


class Identity:
    """Who acts. `record` writes a SignInEvent to the action log as part of the given transaction, or raises."""

    def __init__(self, db: Database, record: RecordSignIn) -> None:
        self._db = db
        self._record = record
        self._passwords = Passwords()
        self._lookups = TokenLookups(db)

    async def sign_in(self, tenant: str, login: str, password: str, *, address: str) -> tuple[SignedIn, str]:
        """Check a password and open a session; returns who it is and the session's secret.

        Raises:
            NotSignedIn: name or password is wrong; it is not said which.
            TooMany: too many failures for this name or from this address lately.
        """
        now = clock.now()
        await self._refuse_guessing(tenant, login, address, now)
        found = await self._db.read(lambda c: store.find_login(c, tenant, login))
        right = await self._passwords.matches(password, found[1] if found else None)
        if not found or not right:
            event = SignInEvent(tenant, "", "refused", "password", now, address, f"as “{login[:100]}”")
            attempt = {"id": new_id("att"), "tenant": tenant, "login": login, "address": address, "at": clock.iso(now)}
            await self._db.write(lambda tx: (store.add_attempt(tx.connection, attempt), self._record(tx, event)))
            raise NotSignedIn("Name or password is wrong.", way_out="Check both; names are written in lower case.")
        return await self._open_session(found[0], "password", address, now)

    async def _refuse_guessing(self, tenant: str, login: str, address: str, now: datetime) -> None:
        by_name, by_address = await self._db.read(
            lambda c: store.count_attempts(c, tenant, login, address, now - WINDOW)
        )
        if by_name >= FAILURES_A_NAME or by_address >= FAILURES_AN_ADDRESS:
            raise TooMany(
                "Too many failed sign-ins.",
                retry_after_seconds=int(WINDOW.total_seconds()),
                way_out="Wait a quarter of an hour, or ask an administrator for a new password.",
            )

    async def _open_session(
        self, user: User, method: SignInMethod, address: str, now: datetime
    ) -> tuple[SignedIn, str]:
        secret, session = new_secret(), new_id("ses")
        expires = now + timedelta(hours=SESSION_HOURS)
        principal = user.principal
        row = {
            "secret_hash": digest(secret),
            "id": session,
            "tenant": principal.tenant,
            "principal": principal.id,
            "method": method,
            "created_at": clock.iso(now),
            "expires_at": clock.iso(expires),
        }

        def unit(tx: Transaction) -> None:
            store.forget_expired(tx.connection, now, now - WINDOW)
            store.add_session(tx.connection, row)
            store.change_user(tx.connection, principal.tenant, principal.id, {"last_sign_in_at": clock.iso(now)})
            self._record(tx, SignInEvent(principal.tenant, principal.id, "signed_in", method, now, address))

        await self._db.write(unit)
        return SignedIn(principal, method, credential=session, expires_at=expires), secret

    async def by_session(self, secret: str) -> SignedIn | None:
        """Who holds this session, if it is open."""
        found = await self._db.read(lambda c: store.find_session(c, digest(secret), clock.now()))
        if not found:
            return None
        row, user = found
        return SignedIn(user.principal, row.method, credential=row.id, expires_at=clock.parse(row.expires_at))

    async def by_token(self, secret: str) -> SignedIn | None:
        """Whom this token acts as, if it is valid."""
        if not secret.startswith(TOKEN_PREFIX):
            return None
        now = clock.now()
        found = await self._lookups.find(digest(secret))
        if not found:
            return None
        token, user = found
        if token.last_used_at is None or (now - token.last_used_at).total_seconds() > TOUCH_SECONDS:
            await self._db.write(lambda tx: store.touch_token(tx.connection, token.id, now))
        return SignedIn(user.principal, "token", token.abilities, token.tools, token.id, token.expires_at)

    async def sign_out(self, who: SignedIn) -> None:
        """End this session."""
        if who.method == "token":
            raise BadInput("A token has no session to end.", way_out="Revoke the token instead.")
        tenant, now = who.principal.tenant, clock.now()

        def unit(tx: Transaction) -> None:
            store.end_sessions(tx.connection, tenant, session=who.credential)
            self._record(tx, SignInEvent(tenant, who.principal.id, "signed_out", who.method, now))

        await self._db.write(unit)

    async def create_token(
        self,
        who: SignedIn,
        name: str,
        *,
        lifetime: timedelta,
        abilities: frozenset[str] | None = None,
        tools: tuple[str, ...] | None = None,
    ) -> tuple[ApiToken, str]:
        """A token that acts as `who`, never for more than `who` may itself; returns it and its secret, once."""
        if who.abilities is not None:
            abilities = who.abilities if abilities is None else abilities & who.abilities
        if who.tools is not None:
            if tools is not None and not set(tools) <= set(who.tools):
                raise BadInput("A token can't widen what the token that makes it may use.", field="tools", value=tools)
            tools = who.tools if tools is None else tools
        now, secret = clock.now(), new_secret(TOKEN_PREFIX)
        principal = who.principal
        expires = now + lifetime
        if who.method == "token" and who.expires_at is not None:
            expires = min(expires, who.expires_at)
        token = ApiToken(new_id("tok"), principal.tenant, principal.id, name, abilities, tools, now, expires)
        event = SignInEvent(principal.tenant, principal.id, "token_created", who.method, now, "", f"{token.id} {name}")

        def unit(tx: Transaction) -> None:
            store.add_token(tx.connection, digest(secret), token)
            self._record(tx, event)

        await self._db.write(unit)
        return token, secret

    async def tokens(self, who: SignedIn) -> list[ApiToken]:
        principal = who.principal
        return await self._db.read(lambda c: store.list_tokens(c, principal.tenant, principal.id))

    async def revoke_token(self, who: SignedIn, token: str) -> None:
        """Raises NotFound if it is not a token of `who`."""
        principal, now = who.principal, clock.now()

        def unit(tx: Transaction) -> None:
            if not store.revoke_token(tx.connection, principal.tenant, principal.id, token):
                raise NotFound(f"You have no token {token}.")
            self._record(tx, SignInEvent(principal.tenant, principal.id, "token_revoked", who.method, now, "", token))

        await self._db.write(unit)

    async def people(self, tenant: str) -> list[User]:
        return await self._db.read(lambda c: store.list_users(c, tenant))

    async def names(self, tenant: str, principals: set[str]) -> dict[str, str]:
        """Display names by principal id; without those we don't know."""
        if not principals:
            return {}
        return await self._db.read(lambda c: store.known_principals(c, tenant, sorted(principals)))

    async def add_person(
        self, by: SignedIn, login: str, name: str, password: str, *, kind: Literal["person", "service"] = "person"
    ) -> User:
        """Raises Conflict if the person exists already."""
        check_password(password)
        tenant, now = by.principal.tenant, clock.now()
        user = new_user(tenant, login, name, kind, now)
        hashed = await self._passwords.hash(password)
        event = SignInEvent(tenant, by.principal.id, "person_added", by.method, now, "", user.principal.id)
        await self._db.write(lambda tx: (store.add_user(tx.connection, user, hashed), self._record(tx, event)))
        return user

    async def change_person(
        self,
        by: SignedIn,
        principal: str,
        *,
        name: str | None = None,
        active: bool | None = None,
        password: str | None = None,
    ) -> User:
        """Change what is not None. A new password or shutting out ends the person's sessions at once.

        Raises NotFound.
        """
        tenant, now = by.principal.tenant, clock.now()
        values: dict[str, object] = {}
        if name is not None:
            values["name"] = name
        if active is not None:
            values["active"] = active
        if password is not None:
            check_password(password)
            values["password_hash"] = await self._passwords.hash(password)
        if not values:
            raise BadInput("There is nothing to change.", way_out="Send a name, active or a password.")
        changed = ", ".join(sorted("password" if key == "password_hash" else key for key in values))
        event = SignInEvent(tenant, by.principal.id, "person_changed", by.method, now, "", f"{principal}: {changed}")

        def unit(tx: Transaction) -> User:
            if not store.change_user(tx.connection, tenant, principal, values):
                raise NotFound(f"There is no {principal} here.")
            if active is False or password is not None:
                store.end_sessions(tx.connection, tenant, principal=principal)
            self._record(tx, event)
            user = store.find_user(tx.connection, tenant, principal)
            assert user is not None  # noqa: S101  # just updated in this transaction
            return user

        return await self._db.write(unit)

    async def set_attributes(self, by: SignedIn, principal: str, changes: Mapping[str, str | None]) -> User:
        """Change what policy's conditions read of a person or service; None takes an attribute away.

        The next decision sees it. What does not change anything is not recorded.

        Raises:
            Forbidden: nobody changes their own. NotFound.
            BadInput: a name or value can't be one; see `attributes.apply`.
        """
        tenant, now = by.principal.tenant, clock.now()
        if by.principal.id == principal:
            raise Forbidden("Nobody changes their own attributes.", way_out="Another administrator does.")

        def unit(tx: Transaction) -> User:
            user = store.find_user(tx.connection, tenant, principal, for_update=True)
            if user is None:
                raise NotFound(f"There is no {principal} here.")
            after, changed = attributes.apply(user.principal.attributes, changes)
            if not changed:
                return user
            store.change_user(tx.connection, tenant, principal, {"attributes": store.dumps(after)})
            names = ", ".join(one.name for one in changed)
            note = f"{principal}: {names}"
            self._record(
                tx,
                SignInEvent(
                    tenant, by.principal.id, "attributes_changed", by.method, now, "", note, attributes=changed
                ),
            )
            return replace(user, principal=replace(user.principal, attributes=after))

        return await self._db.write(unit)


def new_user(tenant: str, login: str, name: str, kind: PrincipalKind, now: datetime) -> User:
    return User(Principal(tenant, f"{kind}:{login}", name, kind), login, True, now)


def check_password(password: str) -> None:
    """Raises BadInput for one that is too short; length is the only rule (NIST SP 800-63B, 3.1.1)."""
    if len(password) < MIN_PASSWORD:
        raise BadInput(
            "The password is too short.", field="password", way_out=f"Use {MIN_PASSWORD} characters or more."
        )
