"""Alembic migrations: expand, then contract. A migration must run under the previous release.

`upgrade` is what every process of an installation may call before it serves; it is idempotent and takes a lock.
"""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData
from sqlmodel import SQLModel

from chargehand.database import Database
from chargehand.errors import BadSettings

HERE = Path(__file__).parent
_LOCK_ID = 0x43484152  # "CHAR": one migrating process at a time on PostgreSQL


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the schema to `revision`.

    Raises:
        BadSettings: the database was made by a newer release.
    """
    with database.engine.connect() as connection:
        known = {script.revision for script in ScriptDirectory.from_config(_config(None)).walk_revisions()}
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current not in known:
            raise BadSettings(
                f"the database is at revision {current}, which this release does not know.",
                field="CHARGEHAND_DATABASE_URL",
                value=database.engine.url.render_as_string(hide_password=True),
                way_out="Run the newer release that made it.",
            )
        with nullcontext() if database.is_sqlite else _AdvisoryLock(connection):
            command.upgrade(_config(connection), revision)


def draft(database: Database, message: str) -> None:
    """Write a migration for what the tables in code have and the database lacks. For developers."""
    with database.engine.connect() as connection:
        config = _config(connection)
        config.attributes["metadata"] = metadata()
        command.revision(config, message=message, autogenerate=True)


def metadata() -> MetaData:
    """The tables of every room: this floor lies below the rooms that own them, so they are found by their source."""
    for module in pkgutil.walk_packages([str(HERE.parent)], "chargehand."):
        source = HERE.parent.joinpath(*module.name.split(".")[1:]).with_suffix(".py")
        if not module.ispkg and "table=True" in source.read_text(encoding="utf-8"):
            importlib.import_module(module.name)
    return SQLModel.metadata


class _AdvisoryLock:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK_ID})")

    def __exit__(self, *_: object) -> None:
        self._connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK_ID})")


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    attributes: dict[str, Any] = config.attributes
    attributes["connection"] = connection
    return config
