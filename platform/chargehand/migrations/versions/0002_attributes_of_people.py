"""Attributes of people and services, which conditions of policy may read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("identity_user", sa.Column("attributes", sa.String(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("identity_user", "attributes")
