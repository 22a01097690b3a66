"""Probes and metrics. `/healthz`: the process is up. `/readyz`: it can serve, and is not about to end. They
never depend on an upstream, never redirect, and need no credentials."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from artifactd.repositories.content import Rendered

Check = Callable[[], Awaitable[None]]
"""Raises when what it checks does not work."""

_JSON = ("content-type", "application/json")
_NO_STORE = ("cache-control", "no-store")


class Health:
    """Answers the probes. `checks` by the name that the answer shows."""

    def __init__(self, checks: dict[str, Check]) -> None:
        self._checks = checks
        self.draining = False

    def alive(self) -> Rendered:
        """The process is up."""
        return Rendered(200, [_JSON, _NO_STORE], b'{"status":"ok"}\n')

    async def ready(self) -> Rendered:
        """Every check passes and the server is not draining; 503 otherwise, with the failing ones named."""
        results: dict[str, Any] = {}
        for name, check in self._checks.items():
            try:
                await check()
                results[name] = "ok"
            except Exception as error:
                results[name] = f"failed: {type(error).__name__}"
        if self.draining:
            results["drain"] = "the server is ending"
        good = all(result == "ok" for result in results.values())
        document = {"status": "ok" if good else "unavailable", "checks": results}
        return Rendered(200 if good else 503, [_JSON, _NO_STORE], msgspec.json.encode(document) + b"\n")
