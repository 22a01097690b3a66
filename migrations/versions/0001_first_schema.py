"""The first schema: catalog, identity, tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "blob_store",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", Ordered, nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blob_store")),
        sa.UniqueConstraint("name", name=op.f("uq_blob_store_name")),
    )
    op.create_table(
        "derived",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("digest", Ordered, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("derived_digest", Ordered, nullable=False),
        sa.PrimaryKeyConstraint("store_id", "digest", "kind", name=op.f("pk_derived")),
    )
    op.create_index("ix_derived_target", "derived", ["store_id", "derived_digest"], unique=False)
    op.create_table(
        "download",
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("path", Ordered, nullable=False),
        sa.Column("digest", Ordered, nullable=False),
        sa.Column("principal", Ordered, nullable=False),
        sa.Column("address", Ordered, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "day", "repository_id", "path", "digest", "principal", "address", name=op.f("pk_download")
        ),
    )
    op.create_table(
        "revision",
        sa.Column("id", Id, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_revision_history", "revision", ["repository_id", "id"], unique=False)
    op.create_index("ix_revision_moment", "revision", ["repository_id", "at"], unique=False)
    op.create_table(
        "role",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", Ordered, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
        sa.UniqueConstraint("name", name=op.f("uq_role_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "schedule",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key", Ordered, nullable=False),
        sa.Column("every", sa.BigInteger(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "key", name=op.f("pk_schedule")),
    )
    op.create_table(
        "secret",
        sa.Column("name", Ordered, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secret")),
    )
    op.create_table(
        "task",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key", Ordered, nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("latest", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease", sa.String(length=36), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("finished", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_task_key", "task", ["name", "key", "state"], unique=False)
    op.create_index("ix_task_state", "task", ["state", "due"], unique=False)
    op.create_table(
        "upload",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("principal", sa.BigInteger(), nullable=False),
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("algorithms", sa.Text(), nullable=False),
        sa.Column("checksums", sa.Text(), nullable=False),
        sa.Column("lease", sa.String(length=36), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("touched", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    op.create_index(op.f("ix_upload_touched"), "upload", ["touched"], unique=False)
    op.create_table(
        "user",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", Ordered, nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("name", name=op.f("uq_user_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "blob",
        sa.Column("store_id", sa.Integer(), nullable=False),
        sa.Column("digest", Ordered, nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("checksums", sa.Text(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("unreferenced_since", sa.BigInteger(), nullable=True),
        sa.Column("deleting", sa.BigInteger(), nullable=True),
        sa.Column("damaged", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["store_id"], ["blob_store.id"], name=op.f("fk_blob_store_id")),
        sa.PrimaryKeyConstraint("store_id", "digest", name=op.f("pk_blob")),
    )
    op.create_index(
        "ix_blob_unreferenced",
        "blob",
        ["unreferenced_since"],
        unique=False,
        sqlite_where=sa.text("unreferenced_since IS NOT NULL"),
        postgresql_where=sa.text("unreferenced_since IS NOT NULL"),
    )
    op.create_table(
        "grant",
        sa.Column("role_id", Id, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("repository", Ordered, nullable=False),
        sa.Column("path", Ordered, nullable=False),
        sa.Column("verbs", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["role_id"], ["role.id"], name=op.f("fk_grant_role_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("role_id", "position", name=op.f("pk_grant")),
    )
    op.create_table(
        "repository",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", Ordered, nullable=False),
        sa.Column("format", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("blob_store_id", sa.Integer(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("horizon", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["blob_store_id"], ["blob_store.id"], name=op.f("fk_repository_blob_store_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repository")),
        sa.UniqueConstraint("name", name=op.f("uq_repository_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "token",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("name", Ordered, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.Column("last_used", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_token_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_token_hash")),
    )
    op.create_index(op.f("ix_token_user_id"), "token", ["user_id"], unique=False)
    op.create_table(
        "user_role",
        sa.Column("user_id", Id, nullable=False),
        sa.Column("role_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["role_id"], ["role.id"], name=op.f("fk_user_role_role_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_user_role_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_user_role")),
    )
    op.create_index(op.f("ix_user_role_role_id"), "user_role", ["role_id"], unique=False)
    op.create_table(
        "component",
        sa.Column("id", Id, nullable=False),
        sa.Column("repository_id", Id, nullable=False),
        sa.Column("namespace", Ordered, nullable=False),
        sa.Column("name", Ordered, nullable=False),
        sa.Column("version", Ordered, nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_component_repository_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_component")),
        sa.UniqueConstraint(
            "repository_id",
            "namespace",
            "name",
            "version",
            name=op.f("uq_component_repository_id_namespace_name_version"),
        ),
    )
    op.create_table(
        "entry",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("value", Ordered, nullable=False),
        sa.Column("repository_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_entry_repository_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_entry")),
    )
    op.create_index(op.f("ix_entry_repository_id"), "entry", ["repository_id"], unique=False)
    op.create_table(
        "name",
        sa.Column("id", Id, nullable=False),
        sa.Column("repository_id", Id, nullable=False),
        sa.Column("path", Ordered, nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("first_held", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repository.id"], name=op.f("fk_name_repository_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_name")),
        sa.UniqueConstraint("repository_id", "path", name=op.f("uq_name_repository_id_path")),
    )
    op.create_table(
        "asset",
        sa.Column("id", Id, nullable=False),
        sa.Column("repository_id", Id, nullable=False),
        sa.Column("path", Ordered, nullable=False),
        sa.Column("name_id", Id, nullable=True),
        sa.Column("component_id", Id, nullable=True),
        sa.Column("store_id", sa.Integer(), nullable=True),
        sa.Column("digest", Ordered, nullable=True),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("label", Ordered, nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("keep", sa.String(length=16), nullable=False),
        sa.Column("linger", sa.BigInteger(), nullable=False),
        sa.Column("withheld", sa.Text(), nullable=True),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("touched", sa.BigInteger(), nullable=False),
        sa.Column("added_revision", sa.BigInteger(), nullable=False),
        sa.Column("retired_revision", sa.BigInteger(), nullable=True),
        sa.Column("retired", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["component_id"], ["component.id"], name=op.f("fk_asset_component_id")),
        sa.ForeignKeyConstraint(["name_id"], ["name.id"], name=op.f("fk_asset_name_id")),
        sa.ForeignKeyConstraint(["repository_id"], ["repository.id"], name=op.f("fk_asset_repository_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset")),
    )
    op.create_index("ix_asset_added", "asset", ["name_id", "added_revision"], unique=False)
    op.create_index("ix_asset_blob", "asset", ["store_id", "digest"], unique=False)
    op.create_index(op.f("ix_asset_component_id"), "asset", ["component_id"], unique=False)
    op.create_index("ix_asset_gone", "asset", ["name_id", "retired_revision"], unique=False)
    op.create_index("ix_asset_history", "asset", ["repository_id", "path", "added_revision"], unique=False)
    op.create_index(
        "ix_asset_lingering",
        "asset",
        ["touched"],
        unique=False,
        sqlite_where=sa.text("retired_revision IS NULL AND keep = 'while_referenced'"),
        postgresql_where=sa.text("retired_revision IS NULL AND keep = 'while_referenced'"),
    )
    op.create_index(
        "ix_asset_retired",
        "asset",
        ["repository_id", "retired"],
        unique=False,
        sqlite_where=sa.text("retired IS NOT NULL"),
        postgresql_where=sa.text("retired IS NOT NULL"),
    )
    op.create_index(
        "uq_asset_now",
        "asset",
        ["repository_id", "path"],
        unique=True,
        sqlite_where=sa.text("retired_revision IS NULL"),
        postgresql_where=sa.text("retired_revision IS NULL"),
    )
    op.create_table(
        "reference",
        sa.Column("asset_id", Id, nullable=False),
        sa.Column("path", Ordered, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_reference_asset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("asset_id", "path", "kind", name=op.f("pk_reference")),
    )
    op.create_index("ix_reference_target", "reference", ["repository_id", "path", "kind"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_reference_target", table_name="reference")
    op.drop_table("reference")
    op.drop_index(
        "uq_asset_now",
        table_name="asset",
        sqlite_where=sa.text("retired_revision IS NULL"),
        postgresql_where=sa.text("retired_revision IS NULL"),
    )
    op.drop_index(
        "ix_asset_retired",
        table_name="asset",
        sqlite_where=sa.text("retired IS NOT NULL"),
        postgresql_where=sa.text("retired IS NOT NULL"),
    )
    op.drop_index(
        "ix_asset_lingering",
        table_name="asset",
        sqlite_where=sa.text("retired_revision IS NULL AND keep = 'while_referenced'"),
        postgresql_where=sa.text("retired_revision IS NULL AND keep = 'while_referenced'"),
    )
    op.drop_index("ix_asset_history", table_name="asset")
    op.drop_index("ix_asset_gone", table_name="asset")
    op.drop_index(op.f("ix_asset_component_id"), table_name="asset")
    op.drop_index("ix_asset_blob", table_name="asset")
    op.drop_index("ix_asset_added", table_name="asset")
    op.drop_table("asset")
    op.drop_table("name")
    op.drop_index(op.f("ix_entry_repository_id"), table_name="entry")
    op.drop_table("entry")
    op.drop_table("component")
    op.drop_index(op.f("ix_user_role_role_id"), table_name="user_role")
    op.drop_table("user_role")
    op.drop_index(op.f("ix_token_user_id"), table_name="token")
    op.drop_table("token")
    op.drop_table("repository")
    op.drop_table("grant")
    op.drop_index(
        "ix_blob_unreferenced",
        table_name="blob",
        sqlite_where=sa.text("unreferenced_since IS NOT NULL"),
        postgresql_where=sa.text("unreferenced_since IS NOT NULL"),
    )
    op.drop_table("blob")
    op.drop_table("user")
    op.drop_index(op.f("ix_upload_touched"), table_name="upload")
    op.drop_table("upload")
    op.drop_index("ix_task_state", table_name="task")
    op.drop_index("ix_task_key", table_name="task")
    op.drop_table("task")
    op.drop_table("secret")
    op.drop_table("schedule")
    op.drop_table("role")
    op.drop_index("ix_revision_moment", table_name="revision")
    op.drop_index("ix_revision_history", table_name="revision")
    op.drop_table("revision")
    op.drop_table("download")
    op.drop_index("ix_derived_target", table_name="derived")
    op.drop_table("derived")
    op.drop_table("blob_store")
