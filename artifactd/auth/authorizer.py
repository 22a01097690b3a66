"""Authorizer: may this principal do this, there? Decided here and nowhere else.

Rule 1: no role says no; a right is there when any grant of any of the principal's roles gives it, and, for
a scoped credential, one of its scopes covers it too.
Rule 2: every cached answer stands under the counters of the change feed that were taken before the grants
were read: a change is obeyed by every process before whoever made it is answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, bindparam, select

from artifactd.auth import patterns
from artifactd.auth.principal import Access, Principal, Scopes, Verb
from artifactd.auth.recent import Recent
from artifactd.auth.rights import Decision, Outcome, Rights, RoleGrant, access_covers
from artifactd.db.generations import GLOBAL, Stripe, principal_stripe
from artifactd.db.tables import grant, name, role
from artifactd.db.writer import Database
from artifactd.errors import Forbidden, InsufficientScope, Unauthenticated

DECISIONS = 16_384
"""Decisions remembered per process, about 300 bytes each."""

PRINCIPALS = 1024
"""Principals whose compiled rights are remembered per process."""


class Verdict(StrEnum):
    """What one grant or scope had to say."""

    DECIDES = "decides"
    FITS = "fits as well"
    OTHER_REPOSITORY = "speaks of other repositories"
    OTHER_VERB = "speaks of other verbs"
    OTHER_PATH = "speaks of other paths"


@dataclass(frozen=True, slots=True)
class Trace:
    """How a decision came about: everything that was looked at, in order. `scopes` is None when the
    credential is not narrowed."""

    principal: str
    verb: Verb
    repository: str
    path: str
    outcome: Outcome
    roles: Sequence[str]
    grants: Sequence[tuple[RoleGrant, Verdict]]
    scopes: Sequence[tuple[Access, Verdict]] | None

    @property
    def allowed(self) -> bool:
        return self.outcome is Outcome.ALLOWED


@dataclass(frozen=True, slots=True)
class _Remembered:
    decision: Decision
    scopes: Scopes | None  # held, so that the identity in the key means these
    stripe: Stripe
    principal_count: int
    global_count: int


_Key = tuple[int, frozenset[int], int, Verb, str, int, str]


class Authorizer:
    """Thread-safe. A decision made before costs a microsecond; another one may read the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._page = database.generations.page
        self._decisions: Recent[_Key, _Remembered] = Recent(DECISIONS)
        self._rights: Recent[tuple[int, frozenset[int]], tuple[tuple[tuple[Stripe, int], ...], Rights]] = (
            Recent(PRINCIPALS)
        )
        self._grants = database.prepare(
            select(role.c.name, grant.c.position, grant.c.repository, grant.c.path, grant.c.verbs)
            .select_from(role.outerjoin(grant))
            .where(role.c.id == bindparam("role"))
            .order_by(grant.c.position)
        )

    def allows(
        self, principal: Principal, verb: Verb, repository: str, repository_id: int, path: str = ""
    ) -> bool:
        """Whether `principal` may `verb` the asset path `path` of the repository called `repository` with
        the row `repository_id`. For the path "", whether it may do so to anything at all there: a coarse
        answer whose yes must be followed by a question for the path."""
        return self._outcome(principal, verb, repository, repository_id, path) is Outcome.ALLOWED

    def unrestricted(self, principal: Principal, verb: Verb, repository: str, repository_id: int) -> bool:
        """Whether `principal` may `verb` every path of the repository, those that are not there yet
        included."""
        _, rights = self._rights_of(principal)
        return rights.unrestricted(principal.scopes, verb, repository, repository_id)

    def known(
        self, principal: Principal, verb: Verb, repository: str, repository_id: int, path: str = ""
    ) -> bool | None:
        """What `allows` would answer if it need not read the database, else None: for callers that must not
        wait."""
        remembered = self._remembered(principal, verb, repository, repository_id, path)
        return None if remembered is None else remembered.outcome is Outcome.ALLOWED

    def check(
        self, principal: Principal, verb: Verb, repository: str, repository_id: int, path: str = ""
    ) -> None:
        """Raise unless `allows`: Unauthenticated when logging in might help, InsufficientScope when the
        same principal with another token may, Forbidden when it never may."""
        outcome = self._outcome(principal, verb, repository, repository_id, path)
        if outcome is Outcome.ALLOWED:
            return
        if outcome is Outcome.OUT_OF_SCOPE:
            raise InsufficientScope(verb, repository, path)
        if principal.anonymous:
            raise Unauthenticated
        raise Forbidden(principal.name, verb, repository, path)

    def administers(self, principal: Principal) -> bool:
        """Whether `principal` may do everything everywhere: what users, roles and settings need. Never with
        a scoped credential."""
        return principal.scopes is None and self._rights_of(principal)[1].everything

    def where(
        self,
        principal: Principal,
        verb: Verb,
        repository: str,
        repository_id: int,
        column: ColumnElement[str] = name.c.path,
    ) -> ColumnElement[bool]:
        """A condition on a column of paths that is true where `allows` says yes to the path. It says
        nothing of which repository a row is in. Good for one statement: it holds today's rights."""
        _, rights = self._rights_of(principal)
        return rights.where(principal.scopes, verb, repository, repository_id, column)

    def explain(
        self, principal: Principal, verb: Verb, repository: str, repository_id: int, path: str = ""
    ) -> Trace:
        """Decide anew, and tell what was looked at."""
        _, rights = self._rights_of(principal)
        decision = rights.decide(principal.scopes, verb, repository, repository_id, path)
        return Trace(
            principal=principal.name,
            verb=verb,
            repository=repository,
            path=path,
            outcome=decision.outcome,
            roles=rights.roles,
            grants=[
                (each, _grant_verdict(each, decision, verb, repository, path)) for each in rights.grants
            ],
            scopes=None
            if principal.scopes is None
            else [
                (each, _scope_verdict(each, decision, verb, repository_id, path))
                for each in principal.scopes.access
            ],
        )

    def _outcome(
        self, principal: Principal, verb: Verb, repository: str, repository_id: int, path: str
    ) -> Outcome:
        remembered = self._remembered(principal, verb, repository, repository_id, path)
        if remembered is not None:
            return remembered.outcome
        scopes = principal.scopes
        taken, rights = self._rights_of(principal)
        counts = dict(taken)
        stripe = principal_stripe(principal.id)
        decision = rights.decide(scopes, verb, repository, repository_id, path)
        self._decisions.put(
            (principal.id, principal.roles, id(scopes), verb, repository, repository_id, path),
            _Remembered(decision, scopes, stripe, counts[stripe], counts[GLOBAL]),
        )
        return decision.outcome

    def _remembered(
        self, principal: Principal, verb: Verb, repository: str, repository_id: int, path: str
    ) -> Decision | None:
        scopes = principal.scopes
        found = self._decisions.get(
            (principal.id, principal.roles, id(scopes), verb, repository, repository_id, path)
        )
        if (
            found is not None
            and found.scopes is scopes
            and self._page[found.stripe] == found.principal_count
            and self._page[GLOBAL] == found.global_count
        ):
            return found.decision
        return None

    def _rights_of(self, principal: Principal) -> tuple[tuple[tuple[Stripe, int], ...], Rights]:
        """The principal's compiled rights, with the counters they stand under."""
        key = (principal.id, principal.roles)
        generations = self._database.generations
        found = self._rights.get(key)
        if found is None or not generations.current(found[0]):
            taken = generations.take((principal_stripe(principal.id),))
            found = (taken, self._compile(principal.roles))
            self._rights.put(key, found)
        return found

    def _compile(self, roles: frozenset[int]) -> Rights:
        names: list[str] = []
        grants: list[RoleGrant] = []
        for row_id in sorted(roles):
            for role_name, position, repository, path, verbs in self._database.all(
                self._grants, role=row_id
            ):
                if position is not None:
                    grants.append(
                        RoleGrant(
                            role_name,
                            position,
                            patterns.compile(repository),
                            patterns.compile(path),
                            frozenset(map(Verb, verbs.split())),
                        )
                    )
                if role_name not in names:
                    names.append(role_name)
        return Rights(names, grants)


def _grant_verdict(grant: RoleGrant, decision: Decision, verb: Verb, repository: str, path: str) -> Verdict:
    if grant is decision.grant:
        return Verdict.DECIDES
    if grant.covers(verb, repository):
        return Verdict.FITS if not path or grant.path.matches(path) else Verdict.OTHER_PATH
    return Verdict.OTHER_VERB if grant.repository.matches(repository) else Verdict.OTHER_REPOSITORY


def _scope_verdict(
    access: Access, decision: Decision, verb: Verb, repository_id: int, path: str
) -> Verdict:
    if access is decision.access:
        return Verdict.DECIDES
    if access_covers(access, verb, repository_id):
        fits = not path or patterns.compile(access.path).matches(path)
        return Verdict.FITS if fits else Verdict.OTHER_PATH
    return Verdict.OTHER_VERB if access.repository_id == repository_id else Verdict.OTHER_REPOSITORY
