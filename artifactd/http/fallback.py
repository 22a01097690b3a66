"""Which protocol class serves. Ours leans on inner parts of uvicorn, so they are looked at before it is
chosen.

The application runs on uvicorn's own `h11` protocol too: without tier 1 and sendfile, with heads in a
write of their own. It declines upgrades as we do. It reads heads that we refuse: line folding, bare line
feeds, Content-Length beside Transfer-Encoding (the latter wins), Transfer-Encoding in HTTP/1.0, a host with
a path, targets with a fragment or in another form. Behind a proxy that forwards such heads it is no match
for our class: AMBIGUOUS_FOR_US in tests/unit/http/test_protocol.py is the list.
"""

from inspect import signature
from typing import Any

_PROTOCOL = frozenset(
    (
        *(
            "app",
            "loop",
            "logger",
            "access_logger",
            "parser",
            "root_path",
            "asgi_version",
            "limit_concurrency",
        ),
        *(
            "app_state",
            "timeout_keep_alive",
            "timeout_keep_alive_task",
            "server_state",
            "connections",
            "tasks",
        ),
        *(
            "transport",
            "flow",
            "server",
            "client",
            "scheme",
            "pipeline",
            "headers",
            "cycle",
            "expect_100_continue",
        ),
    )
)
_CYCLE = frozenset(
    (
        *("scope", "transport", "flow", "default_headers", "message_event", "on_response", "disconnected"),
        *("keep_alive", "waiting_for_100_continue", "more_body", "response_started", "response_complete"),
        *("chunked_encoding", "expected_content_length"),
    )
)
_CYCLE_ARGUMENTS = frozenset(
    (
        *("scope", "transport", "flow", "logger", "access_logger", "access_log", "default_headers"),
        *("message_event", "expect_100_continue", "keep_alive", "on_response"),
    )
)
_METHODS = (
    *("connection_made", "connection_lost", "data_received", "shutdown", "timeout_keep_alive_handler"),
    *("_start_asgi_task", "_unset_keepalive_if_required", "on_response_complete", "on_url"),
)


def choose_protocol() -> type[Any] | str:
    """What to give `uvicorn.Config(http=…)`: ArtifactProtocol, or "h11" when this uvicorn is not the one
    it was written for."""
    try:
        from uvicorn.protocols.http import httptools_impl as inner

        if fits(inner.HttpToolsProtocol, inner.RequestResponseCycle):
            from artifactd.http.protocol import ArtifactProtocol

            return ArtifactProtocol
    except (ImportError, AttributeError):
        pass
    return "h11"


def fits(protocol: type[Any], cycle: type[Any]) -> bool:
    """Whether these classes have everything that ours rely on: attributes set in the constructor, methods,
    the cycle's arguments."""
    return (
        set(protocol.__init__.__code__.co_names) >= _PROTOCOL
        and set(cycle.__init__.__code__.co_names) >= _CYCLE
        and set(signature(cycle).parameters) == _CYCLE_ARGUMENTS
        and all(hasattr(protocol, method) for method in _METHODS)
        and all(hasattr(cycle, method) for method in ("run_asgi", "send_500_response"))
    )
