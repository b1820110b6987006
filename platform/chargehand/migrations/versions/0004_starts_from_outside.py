"""Limits of schedules, webhooks and intakes, and indexes for the search of runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NEW_OF_SCHEDULE = {"ends_at": "", "max_runs": "0", "runs": "0", "overlap": "start"}
RUN_INDEXES = {
    "ix_run_created": ["tenant", "created_at", "id", "title"],
    "ix_run_agent": ["tenant", "agent", "created_at", "id"],
    "ix_run_version": ["tenant", "agent_version", "created_at", "id"],
    "ix_run_state": ["tenant", "state", "created_at", "id"],
}


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _words(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def upgrade() -> None:
    for name, default in NEW_OF_SCHEDULE.items():
        kind = sa.Integer() if default == "0" else sa.String()
        op.add_column("schedule", sa.Column(name, kind, nullable=False, server_default=default))
    op.drop_index("ix_run_created", "run")
    op.drop_index("ix_run_agent", "run")
    for name, columns in RUN_INDEXES.items():
        op.create_index(name, "run", columns)

    op.create_table(
        "hook",
        *_words("id", "tenant", "name", "agent", "principal", "made_by", "scheme"),
        _text("mapping"),
        *_words("state"),
        _number("secret"),
        *_words("old_until", "created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_hook_tenant", "hook", ["tenant", "created_at"])
    op.create_table(
        "hook_delivery",
        *_words("id", "tenant", "hook", "at", "outcome"),
        _number("status"),
        *_words("message"),
        _text("why"),
        *_words("run", "address"),
        _number("size_bytes"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_hook_delivery", "hook_delivery", ["hook", "at", "id"])

    op.create_table(
        "intake",
        *_words("id", "tenant", "name", "agent", "principal", "made_by", "tool"),
        _text("arguments"),
        _text("mapping"),
        _number("every_seconds"),
        *_words("state"),
        _text("cursor"),
        _number("reads"),
        _number("started"),
        *_words("next_at", "last_at", "last_run"),
        _text("last_problem"),
        *_words("created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_intake_tenant", "intake", ["tenant", "created_at"])
    active = sa.text("state = 'active'")
    op.create_index("ix_intake_due", "intake", ["next_at"], sqlite_where=active, postgresql_where=active)


def downgrade() -> None:
    for table in ("intake", "hook_delivery", "hook"):
        op.drop_table(table)
    for name in RUN_INDEXES:
        op.drop_index(name, "run")
    op.create_index("ix_run_created", "run", ["tenant", "created_at", "id"])
    op.create_index("ix_run_agent", "run", ["tenant", "agent", "created_at"])
    for name in NEW_OF_SCHEDULE:
        op.drop_column("schedule", name)
