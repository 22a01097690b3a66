"""Bytes. A blob store keeps immutable bytes at generated locations and verifies digests; it knows nothing
of repositories, users or HTTP.

Start at `store.py`: the protocols with their contract, executed by `tests/contracts/blob_store.py` against
every implementation.
"""
