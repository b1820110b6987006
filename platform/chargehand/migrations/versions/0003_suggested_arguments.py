"""Other arguments that an approver suggests with a denial."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("approval_verdict", sa.Column("instead", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("approval_verdict", "instead")
