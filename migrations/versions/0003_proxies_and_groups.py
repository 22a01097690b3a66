"""Repositories have upstreams and members; what upstreams said of paths is remembered."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("repository", sa.Column("upstream", sa.Text()))
    op.add_column("repository", sa.Column("membership", sa.Text()))
    op.add_column(
        "repository", sa.Column("blocked", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "member",
        sa.Column("group_id", Id, sa.ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("member_id", Id, sa.ForeignKey("repository.id"), nullable=False),
    )
    op.create_index("ix_member_member_id", "member", ["member_id"])
    op.create_table(
        "upstream_state",
        sa.Column("repository_id", sa.BigInteger(), primary_key=True),
        sa.Column("path", Ordered, primary_key=True),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("modified", sa.Text(), nullable=False),
        sa.Column("checked", sa.BigInteger(), nullable=False),
        sa.Column("fresh_until", sa.BigInteger()),
        sa.Column("stale_until", sa.BigInteger()),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("negative_until", sa.BigInteger()),
    )
    op.create_table(
        "upstream_health",
        sa.Column("repository_id", sa.BigInteger(), primary_key=True),
        sa.Column("failing_since", sa.BigInteger(), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("upstream_health")
    op.drop_table("upstream_state")
    op.drop_table("member")
    op.drop_column("repository", "blocked")
    op.drop_column("repository", "membership")
    op.drop_column("repository", "upstream")
