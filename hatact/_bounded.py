"""A cache of a function's results, bounded by the bytes that it holds. Pure Python.

functools.lru_cache counts entries: 1,024 of a spec with 1,000 knots are 300 MB.
"""

from __future__ import annotations

import sys
import threading
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

    weight: how many times a result may grow while it is kept.
    """

    def __init__(
        self,
        function: Callable[..., T],
        most: int = MOST_BYTES,
        weight: Callable[[T], int] = lambda result: 1,
    ) -> None:
        self._function, self._most, self._weight = function, most, weight
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[Hashable, ...], tuple[T, int]] = OrderedDict()
        self.bytes = 0
        self.__doc__, self.__name__ = function.__doc__, function.__name__

    def __call__(self, *key: Hashable) -> T:
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                return entry[0]
        result = self._function(*key)
        size = size_of((key, result)) * self._weight(result)
        if size <= self._most:
            with self._lock:
                self._keep(key, result, size)
        return result

    def _keep(self, key: tuple[Hashable, ...], result: T, size: int) -> None:
        replaced = self._entries.pop(key, None)
        self._entries[key] = result, size
        self.bytes += size - (replaced[1] if replaced else 0)
        while self.bytes > self._most:
            self.bytes -= self._entries.popitem(last=False)[1][1]
