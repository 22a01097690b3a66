"""The database: one engine, one MetaData, one writer thread per process, and the change feed that tells
every process what changed.

Start at `tables.py` (what is remembered), then `writer.py` (write turns) and `generations.py` (the change
feed). SQL itself is written where it is used, in `catalog/`, `auth/` and `tasks/`.
"""
