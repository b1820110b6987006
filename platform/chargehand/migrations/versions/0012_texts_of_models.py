"""What models write while they answer, piece by piece."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run_text",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("run", "tenant", "step", "at")),
        *(
            sa.Column(name, sa.Integer(), nullable=False, autoincrement=False)
            for name in ("position", "attempt", "start", "after", "part", "left_out")
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run", "position", "attempt", "start"),
    )
    op.create_index("ux_run_text_order", "run_text", ["run", "after", "part"], unique=True)


def downgrade() -> None:
    op.drop_table("run_text")
