"""The schema: what the database remembers, on SQLite and PostgreSQL alike.

Rule 1: times are `Micros` (BigInteger), documents are JSON text: a raw row reads the same on both engines.
Rule 2: a text column that is ordered or ranged over has the collation `C` (SQLite's BINARY): pages and
`last` compare as bytes do.
Rule 3: `asset` is temporal. Now = `retired_revision IS NULL`; as of R = added ≤ R < retired. Nothing
updates what an asset row says, only when it was touched and when it retired.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

SCHEMA_REVISION = "0003"
"""The migration this code expects; compared with the database's at start."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")
"""A generated key: SQLite numbers rows only for the type INTEGER."""

Ordered = Text().with_variant(Text(collation="C"), "postgresql")

blob_store = Table(
    "blob_store",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Ordered, nullable=False, unique=True),
    Column("type", String(32), nullable=False),
    Column("settings", Text, nullable=False),
)

blob = Table(
    "blob",
    metadata,
    Column("store_id", ForeignKey("blob_store.id"), primary_key=True),
    Column("digest", Ordered, primary_key=True),
    Column("location", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("checksums", Text, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("unreferenced_since", BigInteger),  # set when a row that named it went; blob GC looks again
    Column("deleting", BigInteger),  # blob GC is removing its location
    Column("damaged", BigInteger),  # verify found other bytes
    Index(
        "ix_blob_unreferenced",
        "unreferenced_since",
        sqlite_where=text("unreferenced_since IS NOT NULL"),
        postgresql_where=text("unreferenced_since IS NOT NULL"),
    ),
)

derived = Table(
    "derived",
    metadata,
    Column("store_id", Integer, primary_key=True),
    Column("digest", Ordered, primary_key=True),  # the blob it was made from
    Column("kind", String(64), primary_key=True),
    Column("derived_digest", Ordered, nullable=False),
    Column("content", LargeBinary),  # of a small one; else it is the blob of that digest
    Index("ix_derived_target", "store_id", "derived_digest"),
)

repository = Table(
    "repository",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Ordered, nullable=False, unique=True),
    Column("format", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("settings", Text, nullable=False),
    Column("upstream", Text),  # of a proxy; its secrets are sealed
    Column("membership", Text),  # of a group, beside its members
    Column("blocked", Boolean, nullable=False, server_default=false()),  # nobody asks the upstream
    Column("blob_store_id", ForeignKey("blob_store.id"), nullable=False),
    Column("online", Boolean, nullable=False),
    Column("horizon", BigInteger, nullable=False),  # history before this moment is gone
    Column("version", Integer, nullable=False),  # counts changes of this row: the API's ETag
    Column("created", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # a token's scope holds this id: it must never come back to life
)

member = Table(
    "member",
    metadata,
    Column("group_id", ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("member_id", ForeignKey("repository.id"), nullable=False, index=True),
)

upstream_state = Table(
    "upstream_state",
    metadata,
    Column("repository_id", BigInteger, primary_key=True),
    Column("path", Ordered, primary_key=True),
    Column("etag", Text, nullable=False),  # as the upstream wrote it; empty when it said none
    Column("modified", Text, nullable=False),  # its Last-Modified, likewise
    Column("checked", BigInteger, nullable=False),
    Column("fresh_until", BigInteger),  # NULL: for ever
    Column("stale_until", BigInteger),  # NULL: for ever
    Column("misses", Integer, nullable=False),  # 404s in a row; the copy was there before
    Column("negative_until", BigInteger),  # it is not there, until then
)

upstream_health = Table(
    "upstream_health",
    metadata,
    Column("repository_id", BigInteger, primary_key=True),
    Column("failing_since", BigInteger, nullable=False),
    Column("retry_at", BigInteger, nullable=False),  # when it is tried again
    Column("detail", Text, nullable=False),
)

entry = Table(
    "entry",
    metadata,
    Column("kind", String(8), primary_key=True),  # host | port
    Column("value", Ordered, primary_key=True),
    Column("repository_id", ForeignKey("repository.id", ondelete="CASCADE"), nullable=False, index=True),
)

revision = Table(
    "revision",
    metadata,
    Column("id", Id, primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("principal", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("message", Text, nullable=False),
    Index("ix_revision_history", "repository_id", "id"),
    Index("ix_revision_moment", "repository_id", "at"),
    sqlite_autoincrement=True,  # ids are never reused: order of ids is order of commits
)

name = Table(
    "name",
    metadata,
    Column("id", Id, primary_key=True),
    Column("repository_id", ForeignKey("repository.id"), nullable=False),
    Column("path", Ordered, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("first_held", BigInteger, nullable=False),
    UniqueConstraint("repository_id", "path"),
)

component = Table(
    "component",
    metadata,
    Column("id", Id, primary_key=True),
    Column("repository_id", ForeignKey("repository.id"), nullable=False),
    Column("namespace", Ordered, nullable=False),
    Column("name", Ordered, nullable=False),
    Column("version", Ordered, nullable=False),
    Column("added", BigInteger, nullable=False),
    UniqueConstraint("repository_id", "namespace", "name", "version"),
)

asset = Table(
    "asset",
    metadata,
    Column("id", Id, primary_key=True),
    Column("repository_id", ForeignKey("repository.id"), nullable=False),
    Column("path", Ordered, nullable=False),
    Column("name_id", ForeignKey("name.id")),
    Column("component_id", ForeignKey("component.id"), index=True),
    Column("store_id", Integer),
    Column("digest", Ordered),
    Column("content_type", Text, nullable=False),
    Column("label", Ordered, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("keep", String(16), nullable=False),
    Column("linger", BigInteger, nullable=False),
    Column("withheld", Text),
    Column("added", BigInteger, nullable=False),
    Column(
        "touched", BigInteger, nullable=False
    ),  # added, found present by a client, or let go by a reference
    Column("added_revision", BigInteger, nullable=False),
    Column("retired_revision", BigInteger),
    Column("retired", BigInteger),
    Index(
        "uq_asset_now",
        "repository_id",
        "path",
        unique=True,
        sqlite_where=text("retired_revision IS NULL"),
        postgresql_where=text("retired_revision IS NULL"),
    ),
    Index("ix_asset_history", "repository_id", "path", "added_revision"),
    Index("ix_asset_added", "name_id", "added_revision"),
    Index("ix_asset_gone", "name_id", "retired_revision"),
    Index("ix_asset_blob", "store_id", "digest"),
    Index(
        "ix_asset_lingering",
        "touched",
        sqlite_where=text("retired_revision IS NULL AND keep = 'while_referenced'"),
        postgresql_where=text("retired_revision IS NULL AND keep = 'while_referenced'"),
    ),
    Index(
        "ix_asset_retired",
        "repository_id",
        "retired",
        sqlite_where=text("retired IS NOT NULL"),
        postgresql_where=text("retired IS NOT NULL"),
    ),
)

reference = Table(
    "reference",
    metadata,
    Column("asset_id", ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Ordered, primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("required", Boolean, nullable=False),
    Index("ix_reference_target", "repository_id", "path", "kind"),
)

upload = Table(
    "upload",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),  # the owner name it was begun for
    Column("principal", BigInteger, nullable=False),
    Column("store_id", Integer, nullable=False),
    Column("location", Text),  # None until the first byte
    Column("offset", BigInteger, nullable=False),
    Column("algorithms", Text, nullable=False),
    Column("checksums", Text, nullable=False),  # of the bytes [0, offset)
    Column("lease", String(36)),
    Column("lease_until", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("touched", BigInteger, nullable=False, index=True),
)

download = Table(
    "download",
    metadata,
    Column("day", Integer, primary_key=True),  # days since the epoch, UTC
    Column("repository_id", BigInteger, primary_key=True),
    Column("path", Ordered, primary_key=True),
    Column("digest", Ordered, primary_key=True),
    Column("principal", Ordered, primary_key=True),
    Column("address", Ordered, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
)

task = Table(
    "task",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("key", Ordered, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("state", String(16), nullable=False),  # waiting | running | done | failed | cancelled
    Column("requested_by", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),  # not before: quiet time, or the pause before a retry
    Column("latest", BigInteger, nullable=False),  # the longest wait, however often it is asked for anew
    Column("attempts", Integer, nullable=False),
    Column("lease", String(36)),
    Column("lease_until", BigInteger),
    Column("cancel", Boolean, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("message", Text, nullable=False),
    Column("finished", BigInteger),
    Index("ix_task_state", "state", "due"),
    Index("ix_task_key", "name", "key", "state"),
    sqlite_autoincrement=True,
)

schedule = Table(
    "schedule",
    metadata,
    Column("name", String(64), primary_key=True),  # of the task
    Column("key", Ordered, primary_key=True),
    Column("every", BigInteger, nullable=False),
    Column("next", BigInteger, nullable=False),
)

user = Table(
    "user",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Ordered, nullable=False, unique=True),
    Column("password", Text),  # None: no password opens this account
    Column("active", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # a deleted user's id must never come back to life in a token
)

role = Table(
    "role",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Ordered, nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # held by principals that a process remembers
)

grant = Table(
    "grant",
    metadata,
    Column("role_id", ForeignKey("role.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("repository", Ordered, nullable=False),  # pattern
    Column("path", Ordered, nullable=False),  # pattern
    Column("verbs", Text, nullable=False),  # space separated
)

user_role = Table(
    "user_role",
    metadata,
    Column("user_id", ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", ForeignKey("role.id", ondelete="CASCADE"), primary_key=True, index=True),
)

token = Table(
    "token",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Ordered, nullable=False),
    Column(
        "hash", String(64), nullable=False, unique=True
    ),  # sha256 of the token: 256 random bits need no salt
    Column("scopes", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("last_used", BigInteger),
)

secret = Table(
    "secret",
    metadata,
    Column("name", Ordered, primary_key=True),
    Column("value", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)
