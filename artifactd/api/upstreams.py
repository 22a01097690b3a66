"""A proxy's upstream as a document. Its secrets go in and never come out.

Rule 1: a secret is for the server it was entered for. One that is left out of a change stays as long as
the URL's scheme, host and port do, so that an answer can be edited and sent back; for another server it has
to be entered again.
Rule 2: a secret is stored sealed. The same one again keeps its sealed text: nothing has changed then.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StrictBool, StrictInt
from sqlalchemy import select

from artifactd.api.addresses import (
    HIDDEN,
    Host,
    check_http_proxy,
    check_upstream,
    origin_of,
    split_login,
    with_login,
    with_slash,
    without_userinfo,
)
from artifactd.api.certificates import check_certificates, check_key, check_pair
from artifactd.api.documents import checked_by, instant
from artifactd.api.problems import InvalidDocument, Mistake
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.errors import InvalidInput
from artifactd.sealing import SealBroken, Sealer, context_of
from artifactd.upstream.configuration import NEGATIVE_FOR

FOR_EVER = -1
"""Seconds that never pass."""

LONGEST = 100 * 365 * 86_400
"""Seconds: who means longer means for ever."""

KEPT = "Write-only. Left out, it stays as long as the URL's scheme, host and port do; null removes it."

_PEM = 1 << 19
"""Characters of certificates: twice the bundle that browsers trust."""

Lifetime = Annotated[StrictInt, Field(ge=FOR_EVER, le=LONGEST)]
Certificates = Annotated[str, checked_by(check_certificates), Field(max_length=_PEM)]


def _check_username(name: str) -> None:
    if ":" in name:
        raise InvalidInput("a user's name holds no colon (RFC 7617, section 2)")


class UpstreamFields(BaseModel):
    """The server that a proxy asks, as far as it is shown."""

    url: Annotated[str, checked_by(check_upstream)] = Field(
        max_length=2048,
        description="where its content begins; a slash is added at the end, and `user:password@` goes into"
        " `username` and `password`",
    )
    username: Annotated[str, checked_by(_check_username)] | None = Field(
        None, min_length=1, max_length=1024, description="sent with `password` to this server alone"
    )
    fresh_for: Lifetime | None = Field(
        None,
        description="seconds for which a copy of what may change is not asked about again; -1: for ever;"
        " null: as the format says",
    )
    stale_for: Lifetime | None = Field(
        None,
        description="seconds after that in which it is served while the upstream cannot be asked; -1: for"
        " ever; null: as the format says",
    )
    negative_for: Annotated[StrictInt, Field(ge=0, le=LONGEST)] | None = Field(
        None,
        description="seconds for which something that is not there is not asked for again; null:"
        f" {NEGATIVE_FOR.seconds}",
    )
    allow_private: StrictBool = Field(
        False, description="whether it may have a loopback or private address, or lead to one"
    )
    ca: Certificates | None = Field(
        None, description="PEM: the authorities that vouch for it, instead of the system's"
    )
    client_certificate: Certificates | None = Field(
        None,
        description="PEM: shown to it, with `client_key`; further certificates are the way to its root",
    )
    http_proxy: Annotated[str, checked_by(check_http_proxy)] | None = Field(
        None,
        max_length=2048,
        description=f"the HTTP proxy to go through; its `user:password@` is answered as `{HIDDEN}@`, which"
        " stands for what is stored",
    )
    realms: list[Host] = Field(
        [],
        max_length=100,
        description="further hosts whose token services may be sent the credentials; a set",
    )


class UpstreamDraft(UpstreamFields):
    """The server that a proxy asks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    password: SecretStr | None = Field(None, min_length=1, max_length=8192, description=KEPT)
    token: SecretStr | None = Field(
        None, min_length=1, max_length=8192, description=f"a bearer token, instead of `username`. {KEPT}"
    )
    client_key: SecretStr | None = Field(
        None,
        min_length=1,
        max_length=65_536,
        description=f"PEM, without a passphrase, of `client_certificate`. {KEPT}",
    )


class ShownUpstream(UpstreamFields):
    """The server that a proxy asks, without its secrets."""

    has_password: bool
    has_token: bool
    has_client_key: bool


class UpstreamStatus(BaseModel):
    """How it stands with a proxy's upstream."""

    blocked: bool = Field(description="whether nobody asks it until it is unblocked")
    failing_since: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = Field(
        description="null: all is well, as far as is known"
    )
    retry_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = Field(
        description="when it is asked again"
    )
    detail: str = Field(description="what is wrong; for administrators")


_COMPUTED = frozenset(ShownUpstream.model_fields) - frozenset(UpstreamDraft.model_fields)

Document = dict[str, Any]


def as_asked(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A repository's document as it was sent, with its upstream's credentials in their own fields, and
    without what answers add to an upstream. Raises InvalidDocument."""
    upstream = body.get("upstream")
    if not isinstance(upstream, Mapping):
        return body
    sent = {key: value for key, value in upstream.items() if key not in _COMPUTED}
    with _at("url"):
        return {**body, "upstream": without_userinfo(sent)}


def stored(
    parsed: UpstreamDraft,
    asked: Mapping[str, Any],
    known: Mapping[str, Any] | None,
    repository: str,
    sealer: Sealer,
) -> Document:
    """An upstream as it is stored: what was chosen, with its secrets sealed. `asked` is what was sent of
    it, `known` what is stored now. Raises InvalidDocument."""
    draft = parsed.model_copy(update={"url": with_slash(parsed.url)})
    visible = draft.model_dump(include=set(UpstreamFields.model_fields), exclude_defaults=True)
    if "realms" in visible:
        visible["realms"] = sorted(set(visible["realms"]))
    same = known is not None and origin_of(known["url"]) == origin_of(draft.url)
    secrets = _Secrets(known or {}, asked, repository, sealer, kept=same)
    return {**visible, **_login(draft, secrets), **_key(draft, secrets), **_outside(draft, secrets)}


def shown(upstream: Mapping[str, Any]) -> Document:
    """A stored upstream as it is answered."""
    fields = {
        name: upstream.get(name, [] if name == "realms" else field.default)
        for name, field in UpstreamFields.model_fields.items()
    }
    if "http_proxy_login" in upstream:
        fields["http_proxy"] = with_login(upstream["http_proxy"], HIDDEN)
    return {
        **fields,
        "has_password": "password" in upstream,
        "has_token": "token" in upstream,
        "has_client_key": "client_key" in upstream,
    }


def failures(database: Database) -> Mapping[int, Any]:
    """What is known of the upstreams that fail, by the row of the repository."""
    with database.connect() as connection:
        return {row.repository_id: row for row in connection.execute(select(tables.upstream_health))}


def status(
    record: RepositoryRecord, failing: Mapping[int, Any], *, detailed: bool
) -> UpstreamStatus | None:
    """How it stands with a repository's upstream, None when it has none. `detailed`: with what is for
    administrators."""
    if record.upstream is None:
        return None
    row = failing.get(record.id)
    return UpstreamStatus(
        blocked=record.blocked,
        failing_since=None if row is None else instant(row.failing_since),
        retry_at=None if row is None else instant(row.retry_at),
        detail=row.detail if row is not None and detailed else "",
    )


class _Secrets:
    """The secrets of one upstream: those that were sent, and those that are stored and may stay."""

    def __init__(
        self,
        known: Mapping[str, Any],
        asked: Mapping[str, Any],
        repository: str,
        sealer: Sealer,
        *,
        kept: bool,
    ) -> None:
        self.known = known
        self._asked, self._repository, self._sealer, self._kept = asked, repository, sealer, kept

    def sealed(self, field: str, sent: SecretStr | None) -> Document:
        """The secret as it is stored, or nothing."""
        if sent is not None:
            return {field: self.seal(field, sent.get_secret_value())}
        if self._kept and field not in self._asked and field in self.known:
            return {field: self.known[field]}
        return {}

    def seal(self, field: str, text: str) -> str:
        """`text`, sealed: as it is stored already, if it is."""
        if field in self.known and self.opened(field) == text:
            return str(self.known[field])
        return self._sealer.seal(text, context_of(self._repository, field))

    def opened(self, field: str) -> str | None:
        """A stored secret in the clear, None when its key is lost."""
        try:
            return self._sealer.open(self.known[field], context_of(self._repository, field))
        except SealBroken:
            return None


def _login(draft: UpstreamDraft, secrets: _Secrets) -> Document:
    """Whoever the upstream is asked as: by user and password, by token, or anonymously."""
    if draft.username is None:
        if draft.password is not None:
            raise _mistake("password", "a password goes with a username")
        return secrets.sealed("token", draft.token)
    if draft.token is not None:
        raise _mistake("token", "a token takes the place of username and password: remove those")
    return secrets.sealed("password", draft.password)


def _key(draft: UpstreamDraft, secrets: _Secrets) -> Document:
    """The key of the client certificate."""
    certificate, sent = draft.client_certificate, draft.client_key
    if certificate is None:
        if sent is not None:
            raise _mistake("client_key", "a client key goes with a client certificate")
        return {}
    found = secrets.sealed("client_key", sent)
    if not found:
        raise _mistake("client_key", "a client certificate takes its key: enter it, again if need be")
    with _at("client_key"):
        if sent is not None:
            check_key(sent.get_secret_value())
            check_pair(certificate, sent.get_secret_value())
        elif certificate != secrets.known.get("client_certificate"):
            key = secrets.opened("client_key")
            if key is None:
                raise InvalidInput("the stored key cannot be read: enter it again")
            check_pair(certificate, key)
    return found


def _outside(draft: UpstreamDraft, secrets: _Secrets) -> Document:
    """The HTTP proxy, and its credentials apart."""
    if draft.http_proxy is None:
        return {}
    url, login = split_login(draft.http_proxy)
    if login == HIDDEN:
        known = secrets.known
        if "http_proxy_login" not in known or origin_of(known["http_proxy"]) != origin_of(url):
            raise _mistake(
                "http_proxy", f"no credentials of this HTTP proxy are stored: write them for {HIDDEN}"
            )
        return {"http_proxy": url, "http_proxy_login": known["http_proxy_login"]}
    if login is None:
        return {"http_proxy": url}
    return {"http_proxy": url, "http_proxy_login": secrets.seal("http_proxy_login", login)}


def _mistake(field: str, detail: str) -> InvalidDocument:
    return InvalidDocument([Mistake(detail, pointer=f"#/upstream/{field}")])


@contextmanager
def _at(field: str) -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        raise _mistake(field, str(error)) from None
