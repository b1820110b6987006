"""What Alembic runs for every command; the connection comes from `chargehand.migrations`."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=context.config.attributes.get("metadata"),  # needed to draft, not to upgrade
    transaction_per_migration=False,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
# The engine is in driver autocommit (see chargehand.database), so the transaction is ours to open and close.
connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN")
try:
    context.run_migrations()
    connection.exec_driver_sql("COMMIT")
except BaseException:
    connection.exec_driver_sql("ROLLBACK")
    raise
