"""The provisioning API under `/api/v1`: the objects of this server as documents that people and
tools write.

Start at `operation.py` (what one operation is: routes are values in a list), `application.py` (the order in
which a request is looked at) and one resource, say `roles.py`. The OpenAPI document is made from the same
operations by `openapi.py`; `openapi.json` is its snapshot for review.

Every answer that is not a success is a problem document (`problems.py`). Nothing here knows a format: their
settings schemas are taken from the formats, and no table is read but through the services of the core.
"""
