"""A cache of a function's results, bounded by the bytes that it holds. Pure Python.

functools.lru_cache counts entries: 1,024 of a spec with 1,000 knots are 300 MB.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from fractions import Fraction
from typing import Any, Generic, TypeVar

MOST_BYTES = 2**22
T = TypeVar("T")


def size_of(value: Any, seen: set[int] | None = None) -> int:
    """Bytes of tuples, numbers and specs, and of all that they refer to; each object once."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return 0
    seen.add(id(value))
    parts: tuple[Any, ...] = ()
    if isinstance(value, tuple):
        parts = value
    elif isinstance(value, Fraction):
        parts = (value.numerator, value.denominator)
    elif hasattr(value, "__dict__"):
        parts = (vars(value), *vars(value).values())
    return sys.getsizeof(value) + sum(size_of(part, seen) for part in parts)


class BoundedCache(Generic[T]):
    """`function` of hashable arguments, called once for those it has not forgotten.

    Beyond `most` bytes of arguments and results it forgets what was used least recently; what is
    larger by itself it does not keep. An error is raised again at every call. Threads may share
    it: at worst two of them call the function for the same arguments.
    """

    def __init__(self, function: Callable[..., T], most: int = MOST_BYTES) -> None:
        self._function, self._most = function, most
        self._entries: OrderedDict[tuple[Hashable, ...], tuple[T, int]] = OrderedDict()
        self.bytes = 0
        self.__doc__, self.__name__ = function.__doc__, function.__name__

    def __call__(self, *key: Hashable) -> T:
        try:
            result = self._entries[key][0]
            self._entries.move_to_end(key)
        except KeyError:  # not there, or forgotten by another thread between the two
            result = self._function(*key)
            self._keep(key, result)
        return result

    def _keep(self, key: tuple[Hashable, ...], result: T) -> None:
        size = size_of((key, result))
        if size > self._most:
            return
        replaced = self._entries.pop(key, None)
        self._entries[key] = result, size
        self.bytes += size - (replaced[1] if replaced else 0)
        while self.bytes > self._most:
            self.bytes -= self._entries.popitem(last=False)[1][1]
