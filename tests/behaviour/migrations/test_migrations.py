"""Migrations make what the tables in code say, on both databases, and refuse a database from the future."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from chargehand import migrations
from chargehand.database import Database
from chargehand.errors import BadSettings


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/x.db" if request.param == "sqlite" else request.getfixturevalue("postgres")
    opened = Database(url)
    yield opened
    opened.close()


def test_a_migrated_database_has_what_the_code_says(database: Database) -> None:
    migrations.upgrade(database)
    with database.engine.connect() as connection:
        # Full-text indexes are beyond what SQLModel can say: their tables and indexes are not compared.
        def ours(_thing: object, name: str | None, *_: object) -> bool:
            return not (name or "").startswith(("audit_words", "ix_audit_record_words"))

        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
        assert compare_metadata(context, migrations.metadata()) == []


def test_every_table_in_the_code_is_migrated() -> None:
    """A table in a module that migrations do not look into would be missing wherever the schema is migrated."""
    named = re.compile(r'__tablename__: Any = "(\w+)"')
    sources = Path(migrations.__file__).parents[1].rglob("*.py")
    in_code = {name for source in sources for name in named.findall(source.read_text())}
    assert in_code
    assert in_code - set(migrations.metadata().tables) == set()


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    migrations.upgrade(database)
    migrations.upgrade(database)


def test_the_log_can_be_searched_after_a_migration(database: Database) -> None:
    migrations.upgrade(database)
    tables = "SELECT name FROM sqlite_master" if database.is_sqlite else "SELECT indexname FROM pg_indexes"
    names = {row[0] for row in database.read_now(lambda connection: connection.exec_driver_sql(tables).all())}
    assert {"audit_words", "ix_audit_record_words"} & names


def test_a_database_of_a_newer_release_is_refused(database: Database) -> None:
    migrations.upgrade(database)
    database.write_now(lambda tx: tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(BadSettings, match="revision 9999, which this release does not know"):
        migrations.upgrade(database)
