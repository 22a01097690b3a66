"""Small stored documents in memory, by location: locations are never reused, so nothing here can be
stale."""

from collections import OrderedDict

MIB = 1 << 20


class BodyCache:
    """The least recently used go first. `limit` in bytes. Used by one event loop."""

    def __init__(self, limit: int = 32 * MIB) -> None:
        self._limit = limit
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self.size = 0

    def get(self, location: str) -> bytes | None:
        """The bytes of a location, if they are here."""
        body = self._bodies.get(location)
        if body is not None:
            self._bodies.move_to_end(location)
        return body

    def put(self, location: str, body: bytes) -> None:
        """Keep the bytes of a location."""
        self.drop(location)
        self._bodies[location] = body
        self.size += len(body)
        while self.size > self._limit:
            _, oldest = self._bodies.popitem(last=False)
            self.size -= len(oldest)

    def drop(self, location: str) -> None:
        """Forget a location; absent ones are fine."""
        self.size -= len(self._bodies.pop(location, b""))
