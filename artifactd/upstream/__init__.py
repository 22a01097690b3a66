"""What goes out: HTTP to the upstreams of proxies.

Owns connections, credentials, redirects, the guard against addresses nobody meant, circuit breakers, and
fills: bytes on their way into a blob store, which any number of clients follow. Knows no format, no kind
and no client's rights. Everything asynchronous that is not in `http/` is here. Start at `client.py` and
`fills.py`.
"""
