"""How an upstream's certificate is checked, and with which of ours we show who we are."""

import ssl
from functools import cache
from tempfile import NamedTemporaryFile

from artifactd.errors import UpstreamInvalid
from artifactd.upstream.configuration import Upstream


def tls_context(upstream: Upstream) -> ssl.SSLContext:
    """The rules for this upstream's connections. Its CA replaces the system's. Reads files: not for the
    event loop. Raises UpstreamInvalid for certificates or keys that cannot be read."""
    if not (upstream.ca or upstream.client_certificate):
        return _system()
    try:
        context = _strict(ssl.create_default_context(cadata=upstream.ca or None))
        if upstream.client_certificate:
            _show(context, upstream.client_certificate, upstream.client_key)
    except (OSError, ValueError):
        # Without the cause: it may quote what it could not read.
        detail = f"the CA, client certificate or key of repository {upstream.repository!r} cannot be read"
        raise UpstreamInvalid(detail) from None
    return context


@cache
def _system() -> ssl.SSLContext:
    """With the CAs of this machine. Shared: each copy takes a megabyte."""
    return _strict(ssl.create_default_context())


def _strict(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _show(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """OpenSSL reads certificates of ours from files alone. This one is readable by us only, and gone at
    once."""
    with NamedTemporaryFile("w", encoding="utf-8", prefix="artifactd-", suffix=".pem") as file:
        file.write(f"{certificate}\n{key}\n")
        file.flush()
        # A password, so that an encrypted key is an error and no question at the terminal.
        context.load_cert_chain(file.name, password="")
