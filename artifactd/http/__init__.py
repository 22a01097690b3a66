"""Everything that speaks HTTP in. It knows repositories and formats; nothing below it knows HTTP.

A request meets three tiers. Tier 1 (`protocol.py`, `cache.py`): a remembered answer, written from the
connection itself. Tier 2 (`gateway.py`): artifact URLs, from route to repository to `serve.py`. Tier 3:
the API and the pages, which are ordinary ASGI applications.

Rule 1: only what tier 2 has fully authorised enters tier 1, and it leaves with the first counter that
moves.
Rule 2: the application runs unchanged on uvicorn's `h11` protocol, only slower: `fallback.py` decides.
Start with `protocol.py` for the wire, with `gateway.py` for the meaning.
"""
