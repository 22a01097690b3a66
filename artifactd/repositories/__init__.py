"""Repositories: one question, answered by each kind in its own way.

`repository.py` is the question (`Repository`), `content.py` its answers, `hosted.py` the kind whose content
was published here, `policy.py` what may be written. A handler never asks which kind it holds. This package
knows nothing of HTTP and names no format.
"""
