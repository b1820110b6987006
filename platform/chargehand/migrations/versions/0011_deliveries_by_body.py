"""What a delivery said, as a digest: the same message is known again, whatever its hook makes of it by then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("hook_delivery", sa.Column("digest", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("hook_delivery", "digest")
