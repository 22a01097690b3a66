"""Small derived documents lie in their row instead of in a blob of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("derived", sa.Column("content", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.execute("DELETE FROM derived WHERE content IS NOT NULL")  # the code before knows only blobs
    op.drop_column("derived", "content")
