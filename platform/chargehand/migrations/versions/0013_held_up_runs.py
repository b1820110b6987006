"""Why a run does not go on; and how new runs were routed when that was last written down."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("held_up", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "release_routing",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("place", "tenant", "position")),
        sa.Column("routing", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("place"),
    )


def downgrade() -> None:
    op.drop_table("release_routing")
    op.drop_column("run", "held_up")
