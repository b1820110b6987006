"""A stop is kept beside the pauses, until the run has been told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run_pause", sa.Column("stop", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("run_pause", "stop")
