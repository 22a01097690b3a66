"""The key that a repository signs what it publishes with (OpenPGP): shown, made anew, brought along."""

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from artifactd.api.conditions import etag, expected_version
from artifactd.api.documents import instant, read
from artifactd.api.operation import Answer, Call, Operation, Permission, Write
from artifactd.api.problems import InvalidDocument, Mistake
from artifactd.auth.openpgp import OpenPgpKey, OpenPgpKeys
from artifactd.auth.openpgp_material import Certificate, UnusableKey
from artifactd.catalog.kinds import PROXY
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.db.writer import Turn
from artifactd.errors import Conflict
from artifactd.repositories.publication import publish_all_task

LARGEST_KEY = 1 << 16
"""Characters of a private key: RSA with 4096 bits and four subkeys is a quarter of that."""

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class SignsNothing(Conflict):
    """A repository that publishes nothing of its own."""

    message = "repository {repository!r} has no signing key: {reason}"

    def __init__(self, repository: str, reason: str) -> None:
        self.repository, self.reason = repository, reason


class SigningKeyDraft(BaseModel):
    """A key to sign with."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    private_key: SecretStr = Field(
        min_length=1,
        max_length=LARGEST_KEY,
        description="one OpenPGP key in ASCII armour, as `gpg --export-secret-keys --armor` writes it;"
        " never shown again",
    )
    passphrase: SecretStr = Field(
        SecretStr(""), max_length=1024, description="what opens it; empty: it is open"
    )


class PublishedKey(BaseModel):
    """The public part of a key."""

    fingerprint: str
    user_ids: list[str]
    created: Moment
    expires: Moment | None = Field(description="null: never")
    public_key: str = Field(description="in ASCII armour")


class ShownSigningKey(PublishedKey):
    """What a repository signs with."""

    imported: bool = Field(description="whether it was brought along")
    previous: list[PublishedKey] = Field(
        description="keys that were replaced, newest first: they sign nothing more, and are published"
        " beside this one until they are removed"
    )


def signing_key_operations() -> Sequence[Operation]:
    """`/repositories/{name}/signing-key`."""
    key = "/repositories/{name}/signing-key"
    return (
        Operation(
            "getSigningKey", "GET", key, "Show what a repository signs with", Permission.ADMINISTRATOR,
            _get, {200: ShownSigningKey}, conditional=True,
            details="It is made when there is none.",
        ),
        Operation(
            "putSigningKey", "PUT", key, "Sign with a key of one's own", Permission.ADMINISTRATOR,
            _put, {200: ShownSigningKey, 201: ShownSigningKey}, request=SigningKeyDraft, query=Write,
            conditional=True,
            details="What is published is signed anew. The key before stays published.",
        ),
        Operation(
            "renewSigningKey", "POST", key, "Make a new key to sign with", Permission.ADMINISTRATOR,
            _renew, {201: ShownSigningKey}, query=Write, conditional=True,
            details="What is published is signed anew. The key before stays published.",
        ),
        Operation(
            "deletePreviousSigningKey", "DELETE", f"{key}/previous/{{fingerprint}}",
            "Publish a replaced key no more", Permission.ADMINISTRATOR,
            _delete_previous, {204: None}, query=Write, conditional=True,
        ),
    )  # fmt: skip


def _get(call: Call) -> Answer:
    record = _signing(call)
    return _answer(record, _keys(call).of(record.id))


def _put(call: Call) -> Answer:
    record, keys = _signing(call), _keys(call)
    before, version = _before(call, record, keys)
    draft = read(SigningKeyDraft, call.body)
    try:
        key = keys.put(
            record.id,
            draft.private_key.get_secret_value(),
            draft.passphrase.get_secret_value(),
            if_version=version,
            then=_publish(call, record),
        )
    except UnusableKey as error:
        raise InvalidDocument([Mistake(str(error), pointer=f"#/{error.part}")]) from None
    return _answer(record, key, created=before is None)


def _renew(call: Call) -> Answer:
    record, keys = _signing(call), _keys(call)
    _, version = _before(call, record, keys)
    key = keys.renew(record.id, if_version=version, then=_publish(call, record))
    return _answer(record, key, created=True)


def _delete_previous(call: Call) -> Answer:
    record, keys = _signing(call), _keys(call)
    _, version = _before(call, record, keys)
    fingerprint = call.params["fingerprint"]
    keys.delete_previous(record.id, fingerprint, if_version=version, then=_publish(call, record))
    return Answer(None, 204)


def _signing(call: Call) -> RepositoryRecord:
    """The repository that the path names. Raises RepositoryNotFound, SignsNothing."""
    record = call.services.repositories.find(call.params["name"])
    format = call.services.formats.get(record.format)
    if format is None or not format.publications:
        raise SignsNothing(record.name, f"nothing is signed in the format {record.format!r}")
    if record.kind == PROXY:
        raise SignsNothing(record.name, "what a proxy has is signed by its upstream")
    return record


def _keys(call: Call) -> OpenPgpKeys:
    """Made for each call, since a rehearsed one has a database of its own."""
    return OpenPgpKeys(call.services.database, call.services.sealer)


def _before(
    call: Call, record: RepositoryRecord, keys: OpenPgpKeys
) -> tuple[OpenPgpKey | None, int | None]:
    """The key as it is before a write, and the version that the write must find. Raises
    PreconditionFailed."""
    found = keys.find(record.id)
    at = None if found is None else (record.id, found.version)
    return found, expected_version(call, f"the signing key of repository {record.name!r}", at)


def _publish(call: Call, record: RepositoryRecord) -> Callable[[Turn], None]:
    """What follows a change: whatever the repository publishes is made anew."""

    def enqueue(turn: Turn) -> None:
        task = publish_all_task(record.id)
        call.services.queue.enqueue(task, requested_by=call.principal.name, turn=turn)

    return enqueue


def _answer(record: RepositoryRecord, key: OpenPgpKey, *, created: bool = False) -> Answer:
    document = ShownSigningKey(
        **_public(key.certificate).model_dump(),
        imported=key.imported,
        previous=[_public(each) for each in key.previous],
    )
    location = f"/repositories/{record.name}/signing-key" if created else None
    return Answer(document, 201 if created else 200, etag(record.id, key.version), location)


def _public(certificate: Certificate) -> PublishedKey:
    return PublishedKey(
        fingerprint=certificate.fingerprint,
        user_ids=list(certificate.user_ids),
        created=instant(certificate.created),
        expires=None if certificate.expires is None else instant(certificate.expires),
        public_key=certificate.armoured,
    )
