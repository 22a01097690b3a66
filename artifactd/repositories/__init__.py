"""Repositories: one question, answered by each kind in its own way.

`repository.py` is the question (`Repository`), `content.py` and `representation.py` its answers,
`hosted.py` the kind whose content was published here, `documents.py` its indexes as they stand, `policy.py`
what may be written, `catalog.py` what the repositories of a process share. A handler never asks which kind
it holds. This package knows nothing of HTTP and names no format.
"""
