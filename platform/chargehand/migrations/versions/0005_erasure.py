"""Keys of personal data for each run, and the runs whose personal data was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit_subject_key", sa.Column("run", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_audit_subject_key_subject", "audit_subject_key", ["tenant", "subject", "run"])
    op.create_index("ix_audit_subject_key_run", "audit_subject_key", ["tenant", "run"])
    op.create_table(
        "audit_erased_run",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("erased_at", sa.String(), nullable=False),
        sa.Column("history_gone_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "run"),
    )
    op.create_index("ix_audit_erased_run_history_gone_at", "audit_erased_run", ["history_gone_at"])


def downgrade() -> None:
    op.drop_table("audit_erased_run")
    op.drop_index("ix_audit_subject_key_run", "audit_subject_key")
    op.drop_index("ix_audit_subject_key_subject", "audit_subject_key")
    op.drop_column("audit_subject_key", "run")
