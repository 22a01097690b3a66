"""What `WWW-Authenticate` says (RFC 9110, section 11.6.1). Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a token of the grammar
_GAP = re.compile(r"[\s,]*")
# Values that should be quoted and are not, such as URLs, are taken too; so are quotes that do not end.
_PARAMETER = re.compile(
    rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)(?:"|\\?\Z)|([^\s,"]*))',
    re.DOTALL,
)
_SCHEME = re.compile(rf"({_TOKEN})(?=[\s,]|\Z)")
_TOKEN68 = re.compile(r"\s+[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|\Z))")
_REST = re.compile(r"[^,]*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to prove who we are. Names are in lower case; of a parameter that is given twice, the first
    counts."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse(header: str) -> Sequence[Challenge]:
    """The challenges in the values of all header lines, joined by commas. Never raises: what cannot be read
    is passed over."""
    found: list[Challenge] = []
    parameters: dict[str, str] = {}
    at = 0
    while True:
        at = _end(_GAP.match(header, at), at)
        if at >= len(header):
            return found
        if found and (match := _PARAMETER.match(header, at)):
            name, quoted, plain = match.groups()
            value = plain if quoted is None else _ESCAPE.sub(r"\1", quoted)
            parameters.setdefault(name.lower(), value)
            at = match.end()
        elif match := _SCHEME.match(header, at):
            parameters = {}
            found.append(Challenge(match[1].lower(), parameters))
            at = match.end()
            # `Negotiate YII=`: of no use to us, and must not be taken for another scheme.
            at = _end(_TOKEN68.match(header, at), at)
        else:
            at = max(at + 1, _end(_REST.match(header, at), at))


def _end(match: "re.Match[str] | None", at: int) -> int:
    return at if match is None else match.end()
