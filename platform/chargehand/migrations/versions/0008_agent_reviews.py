"""Reviews of agents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    names = ("tenant", "agent", "at", "person", "version")
    op.create_table(
        "agent_review",
        *(sa.Column(name, sa.String(), nullable=False) for name in names),
        sa.PrimaryKeyConstraint("tenant", "agent", "at", "person"),
    )


def downgrade() -> None:
    op.drop_table("agent_review")
