"""What the database remembers of repositories: revisions, names, components, assets, references, blobs,
uploads.

Start at `assets.py` (reading) and `edit.py` (recording a change set); `apply.py` is what a write turn does
with one. Every change is a revision: overwriting and deleting retire a row, and nothing is destroyed until
retention says so. This package knows no format and no HTTP.
"""
