"""Who asks, and what they may do.

Start at `principal.py` (who), `authorizer.py` (what they may, decided in one place) and `authenticators.py`
(how credentials become a principal). This package knows no HTTP beyond the words of the Authorization
header.
"""
