"""What aiohttp's exceptions mean, in sentences for those of our clients who wait: without the addresses,
URLs and credentials that its own texts have."""

import os
import ssl

import aiohttp
from aiohttp.http_exceptions import LineTooLong

from artifactd.errors import UpstreamInvalid, UpstreamUnavailable


def failure(error: Exception, repository: str) -> UpstreamUnavailable | UpstreamInvalid:
    """What to raise instead of `error`."""
    upstream = f"the upstream of repository {repository!r}"
    match error:
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return UpstreamUnavailable(f"the HTTP proxy of repository {repository!r} did not connect")
        case aiohttp.ClientConnectorDNSError():
            return UpstreamUnavailable(f"the address of {upstream} cannot be found")
        case aiohttp.ClientConnectorCertificateError(certificate_error=reason):
            return UpstreamUnavailable(f"the certificate of {upstream} is not trusted{_distrust(reason)}")
        case aiohttp.ClientSSLError():
            return UpstreamUnavailable(f"no protected connection to {upstream} can be made")
        case aiohttp.ClientConnectorError(errno=number):
            said = f" ({os.strerror(number).lower()})" if number else ""
            return UpstreamUnavailable(f"{upstream} cannot be connected to{said}")
        case aiohttp.InvalidURL():
            return UpstreamInvalid(f"{upstream} leads to an address that is none of HTTP")
        case aiohttp.ClientResponseError() if _is_too_large(error):
            return UpstreamInvalid(f"{upstream} sent larger headers than are read")
        case aiohttp.ClientResponseError():
            return UpstreamUnavailable(f"{upstream} sent no valid HTTP")
    return UpstreamUnavailable(f"{upstream} broke off its answer")


def _distrust(reason: Exception) -> str:
    """OpenSSL's words, unless they are about another name, which they quote."""
    if not isinstance(reason, ssl.SSLCertVerificationError):
        return ""
    words = reason.verify_message
    return " (it is another's)" if "mismatch" in words else f" ({words})"


def _is_too_large(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, LineTooLong) or "Too many headers" in str(error):
            return True
        error = error.__cause__
    return False
