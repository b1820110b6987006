"""The signing key that a log announced last, so that two rotations at once announce one key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit_head", sa.Column("announced", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("audit_head", "announced")
