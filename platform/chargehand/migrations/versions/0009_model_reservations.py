"""What model calls under way have reserved of their runs' budgets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_reservation",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("key", "tenant", "run")),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("cost", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_model_reservation_run", "model_reservation", ["tenant", "run"])


def downgrade() -> None:
    op.drop_table("model_reservation")
