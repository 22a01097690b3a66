"""What is asked of the C library's allocator, where it is glibc's; elsewhere nothing happens.

Large bodies pass through many threads. Left alone, each of them keeps tens of MiB of freed memory in an
arena of its own; and the first large piece that is freed, such as the 19 MiB in which a password is
verified, has glibc take pieces of its size from the arenas from then on, and keep twice as much.
"""

import contextlib
import ctypes

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
_ARENAS = 2
_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD
_TRIM_THRESHOLD = -1  # M_TRIM_THRESHOLD
_LARGE = 8 << 20
"""Bytes from which a piece of memory is the system's own again when it is freed. To say so ends the
guessing."""


def few_arenas() -> None:
    """Have threads share two arenas, which keep little. Called before threads begin."""
    with contextlib.suppress(AttributeError, OSError):
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_ARENA_MAX, _ARENAS)
        allocator.mallopt(_MMAP_THRESHOLD, _LARGE)
        allocator.mallopt(_TRIM_THRESHOLD, _LARGE)


def give_back() -> None:
    """Hand what is free back to the system."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
