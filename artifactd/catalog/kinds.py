"""The kinds of repositories, as they are called in the database and by the API."""

from typing import Final

HOSTED: Final = "hosted"
"""Its content is published here."""

PROXY: Final = "proxy"
"""Its content comes from an upstream, when somebody asks for it."""

GROUP: Final = "group"
"""Its content is that of its members."""

KINDS: Final = (HOSTED, PROXY, GROUP)
