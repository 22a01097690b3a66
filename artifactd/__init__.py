"""artifactd: one artifact repository server for `docker`, `pip`, `mvn`, `dnf` and `curl`.

The core owns storage, identity, caching, kinds and HTTP; formats are values found by entry point. Start
reading at ARCHITECTURE.md.
"""

__version__ = "0.1.0"
