"""What the API asks of the gateway worker, until it has read the answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "errand",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("id", "tenant", "state")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("request", "answer")),
        sa.Column("asked_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_errand_asked_at", "errand", ["asked_at"])


def downgrade() -> None:
    op.drop_table("errand")
