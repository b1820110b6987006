"""Tables of identity, and the only queries on them. Every query names the tenant, except by the hash of a secret."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

import orjson
from sqlalchemy import JSON, Column, Connection, Row, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, SQLModel

from chargehand.clock import iso, parse
from chargehand.database import quick
from chargehand.errors import Conflict
from chargehand.identity.model import ApiToken, Principal, PrincipalKind, User


class UserRow(SQLModel, table=True):
    __tablename__ = "identity_user"  # pyright: ignore[reportAssignmentType]  # SQLModel types it as a method
    tenant: str = Field(primary_key=True)
    principal: str = Field(primary_key=True)
    login: str = Field(index=True)
    name: str
    kind: str
    password_hash: str
    active: bool
    created_at: str
    last_sign_in_at: str = ""
    attributes: str = Field(default="{}", sa_column_kwargs={"server_default": "{}"})
    """A JSON object of texts."""


class SessionRow(SQLModel, table=True):
    __tablename__ = "identity_session"  # pyright: ignore[reportAssignmentType]  # SQLModel types it as a method
    secret_hash: str = Field(primary_key=True)
    id: str = Field(index=True)
    tenant: str
    principal: str = Field(index=True)
    method: str
    created_at: str
    expires_at: str = Field(index=True)


class TokenRow(SQLModel, table=True):
    __tablename__ = "identity_token"  # pyright: ignore[reportAssignmentType]  # SQLModel types it as a method
    secret_hash: str = Field(primary_key=True)
    id: str = Field(index=True)
    tenant: str
    owner: str = Field(index=True)
    name: str
    abilities: list[str] | None = Field(sa_column=Column(JSON))
    tools: list[str] | None = Field(sa_column=Column(JSON))
    created_at: str
    expires_at: str
    last_used_at: str = ""


class AttemptRow(SQLModel, table=True):
    """A failed sign-in; what rate limiting counts."""

    __tablename__ = "identity_attempt"  # pyright: ignore[reportAssignmentType]  # SQLModel types it as a method
    id: str = Field(primary_key=True)
    tenant: str
    login: str = Field(index=True)
    address: str = Field(index=True)
    at: str = Field(index=True)


def _table(model: type[SQLModel]) -> Table:
    return cast("Table", cast("Any", model).__table__)


users, sessions, tokens, attempts = (_table(m) for m in (UserRow, SessionRow, TokenRow, AttemptRow))


def add_user(connection: Connection, user: User, password_hash: str) -> None:
    """Raises Conflict if the person exists already."""
    row = {
        "tenant": user.principal.tenant,
        "principal": user.principal.id,
        "login": user.login,
        "name": user.principal.name,
        "kind": user.principal.kind,
        "password_hash": password_hash,
        "active": user.active,
        "created_at": iso(user.created_at),
        "last_sign_in_at": "",
        "attributes": dumps(user.principal.attributes),
    }
    try:
        connection.execute(insert(users).values(row))
    except IntegrityError:
        raise Conflict(f"{user.principal.id} exists already.", way_out="Change it instead.") from None


def find_user(connection: Connection, tenant: str, principal: str, *, for_update: bool = False) -> User | None:
    """With `for_update`, nobody else changes the person until the transaction ends."""
    query = select(users).where(users.c.tenant == tenant, users.c.principal == principal)
    row = connection.execute(query.with_for_update() if for_update else query).first()
    return _user(row) if row else None


def attributes_of(connection: Connection, tenant: str, principal: str) -> dict[str, str]:
    """What is known of a principal as of this transaction; nothing for one who is not there."""
    query = select(users.c.attributes).where(users.c.tenant == tenant, users.c.principal == principal)
    found = connection.execute(query).scalar_one_or_none()
    return {} if found is None else orjson.loads(found)


def find_login(connection: Connection, tenant: str, login: str) -> tuple[User, str] | None:
    """The active user with this sign-in name, and the password's hash."""
    row = connection.execute(
        select(users).where(users.c.tenant == tenant, users.c.login == login, users.c.active)
    ).first()
    return (_user(row), row.password_hash) if row else None


def list_users(connection: Connection, tenant: str) -> list[User]:
    return [
        _user(row) for row in connection.execute(select(users).where(users.c.tenant == tenant).order_by(users.c.name))
    ]


def change_user(connection: Connection, tenant: str, principal: str, values: dict[str, Any]) -> bool:
    """Set columns; whether there was such a person."""
    found = connection.execute(
        update(users).where(users.c.tenant == tenant, users.c.principal == principal).values(values)
    )
    return found.rowcount > 0


def dumps(attributes: dict[str, str]) -> str:
    """Attributes as their column holds them."""
    return orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS).decode()


def add_session(connection: Connection, row: dict[str, Any]) -> None:
    connection.execute(insert(sessions).values(row))


def find_session(connection: Connection, secret_hash: str, now: datetime) -> tuple[Row[Any], User] | None:
    """A session that has not expired, and its still active user."""
    row = connection.execute(
        select(sessions).where(sessions.c.secret_hash == secret_hash, sessions.c.expires_at > iso(now))
    ).first()
    user = find_user(connection, row.tenant, row.principal) if row else None
    return (row, user) if row and user and user.active else None


def end_sessions(connection: Connection, tenant: str, *, session: str = "", principal: str = "") -> None:
    """End one session, or all of a person."""
    which = sessions.c.id == session if session else sessions.c.principal == principal
    connection.execute(delete(sessions).where(sessions.c.tenant == tenant, which))


def forget_expired(connection: Connection, now: datetime, attempts_before: datetime) -> None:
    connection.execute(delete(sessions).where(sessions.c.expires_at <= iso(now)))
    connection.execute(delete(attempts).where(attempts.c.at < iso(attempts_before)))


def add_token(connection: Connection, secret_hash: str, token: ApiToken) -> None:
    row = {
        "secret_hash": secret_hash,
        "id": token.id,
        "tenant": token.tenant,
        "owner": token.owner,
        "name": token.name,
        "abilities": None if token.abilities is None else sorted(token.abilities),
        "tools": None if token.tools is None else list(token.tools),
        "created_at": iso(token.created_at),
        "expires_at": iso(token.expires_at),
        "last_used_at": "",
    }
    connection.execute(insert(tokens).values(row))


class _Found(NamedTuple):
    """A row of the query below."""

    secret_hash: str
    id: str
    tenant: str
    owner: str
    name: str
    abilities: Any
    tools: Any
    created_at: str
    expires_at: str
    last_used_at: str
    login: str
    owner_name: str
    kind: str
    active: Any
    since: str
    last_sign_in_at: str
    attributes: str


_FIND_TOKENS = (
    "SELECT t.secret_hash, t.id, t.tenant, t.owner, t.name, t.abilities, t.tools, t.created_at, t.expires_at, "
    "t.last_used_at, u.login, u.name, u.kind, u.active, u.created_at, u.last_sign_in_at, u.attributes "
    "FROM identity_token t JOIN identity_user u ON u.tenant = t.tenant AND u.principal = t.owner "
    "WHERE t.secret_hash IN ({}) AND t.expires_at > ?"
)


def find_tokens(
    connection: Connection, secret_hashes: Sequence[str], now: datetime
) -> dict[str, tuple[ApiToken, User]]:
    """Tokens that have not expired, with their still active owners, by the hash of the secret."""
    marks = ", ".join("?" * len(secret_hashes))
    rows = quick(connection, _FIND_TOKENS.format(marks), (*secret_hashes, iso(now))).fetchall()
    return {found.secret_hash: _pair(found) for found in (_Found(*row) for row in rows) if found.active}


def _pair(found: _Found) -> tuple[ApiToken, User]:
    abilities, tools = _listed(found.abilities), _listed(found.tools)
    token = ApiToken(
        id=found.id,
        tenant=found.tenant,
        owner=found.owner,
        name=found.name,
        abilities=None if abilities is None else frozenset(abilities),
        tools=None if tools is None else tuple(tools),
        created_at=parse(found.created_at),
        expires_at=parse(found.expires_at),
        last_used_at=parse(found.last_used_at) if found.last_used_at else None,
    )
    kind = cast("PrincipalKind", found.kind)
    owner = User(
        principal=Principal(found.tenant, found.owner, found.owner_name, kind, orjson.loads(found.attributes)),
        login=found.login,
        active=bool(found.active),
        created_at=parse(found.since),
        last_sign_in_at=parse(found.last_sign_in_at) if found.last_sign_in_at else None,
    )
    return token, owner


def _listed(value: Any) -> list[str] | None:
    """A JSON column as the driver gives it: text on SQLite, read already on PostgreSQL. The text `null` is none."""
    return orjson.loads(value) if isinstance(value, str) else value


def list_tokens(connection: Connection, tenant: str, owner: str) -> list[ApiToken]:
    rows = connection.execute(
        select(tokens).where(tokens.c.tenant == tenant, tokens.c.owner == owner).order_by(tokens.c.created_at.desc())
    )
    return [_token(row) for row in rows]


def touch_token(connection: Connection, token: str, now: datetime) -> None:
    connection.execute(update(tokens).where(tokens.c.id == token).values(last_used_at=iso(now)))


def revoke_token(connection: Connection, tenant: str, owner: str, token: str) -> bool:
    found = connection.execute(
        delete(tokens).where(tokens.c.tenant == tenant, tokens.c.owner == owner, tokens.c.id == token)
    )
    return found.rowcount > 0


def add_attempt(connection: Connection, row: dict[str, Any]) -> None:
    connection.execute(insert(attempts).values(row))


def count_attempts(connection: Connection, tenant: str, login: str, address: str, since: datetime) -> tuple[int, int]:
    """Failed sign-ins since then: for this name, and from this address."""
    recent = attempts.c.at >= iso(since)
    by_login = select(func.count()).where(recent, attempts.c.tenant == tenant, attempts.c.login == login)
    by_address = select(func.count()).where(recent, attempts.c.address == address)
    return connection.execute(by_login).scalar_one(), connection.execute(by_address).scalar_one()


def known_principals(connection: Connection, tenant: str, ids: Sequence[str]) -> dict[str, str]:
    """Names by principal id, for display."""
    rows = connection.execute(
        select(users.c.principal, users.c.name).where(users.c.tenant == tenant, users.c.principal.in_(ids))
    )
    return {row.principal: row.name for row in rows}


def _user(row: Row[Any]) -> User:
    return User(
        principal=Principal(
            row.tenant, row.principal, row.name, cast("PrincipalKind", row.kind), orjson.loads(row.attributes)
        ),
        login=row.login,
        active=row.active,
        created_at=parse(row.created_at),
        last_sign_in_at=parse(row.last_sign_in_at) if row.last_sign_in_at else None,
    )


def _token(row: Row[Any]) -> ApiToken:
    return ApiToken(
        id=row.id,
        tenant=row.tenant,
        owner=row.owner,
        name=row.name,
        abilities=None if row.abilities is None else frozenset(row.abilities),
        tools=None if row.tools is None else tuple(row.tools),
        created_at=parse(row.created_at),
        expires_at=parse(row.expires_at),
        last_used_at=parse(row.last_used_at) if row.last_used_at else None,
    )
