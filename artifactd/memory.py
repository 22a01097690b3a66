"""What is asked of the C library's allocator, where it is glibc's; elsewhere nothing happens.

Large bodies pass through many threads. Left alone, each of them keeps tens of MiB of freed memory in an
arena of its own.
"""

import contextlib
import ctypes

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
_ARENAS = 2


def few_arenas() -> None:
    """Have threads share two arenas. Called before threads begin."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Hand what is free back to the system."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
