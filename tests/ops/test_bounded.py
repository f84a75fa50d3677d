"""What caches hold is bounded by bytes, whatever the sizes of specs."""

import gc
import sys
import threading
import tracemalloc
from fractions import Fraction

import pytest
import torch

from hatact import PiecewisePolynomial, functional
from hatact._bounded import MOST_BYTES, BoundedCache, size_of
from hatact.autograd import _raw as _raw_ops
from hatact.backends import _triton_numbers

X = torch.linspace(-1, 7, 9)


def _long(i: int, knots: int = 1000) -> PiecewisePolynomial:
    slopes = 1.5 + i, -1.5 - i
    pieces = [(slopes[k % 2], k + 0.25) for k in range(knots)]
    return PiecewisePolynomial([k + i / 64 for k in range(knots)], [(0.5,), *pieces])


def _held_after(calls: int, call) -> int:
    """Bytes that Python still holds after `calls` calls."""
    call(0)
    gc.collect()
    tracemalloc.start()
    for i in range(1, calls):
        call(i)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held


def _raw(i: int) -> None:
    x = X.clone().requires_grad_()
    torch.ops.hatact.ppoly(x, None, *_long(i).numbers).sum().backward()


def _activation(i: int) -> None:
    functional.piecewise(X.clone().requires_grad_(), _long(i)).sum().backward()


def _triton(i: int) -> None:
    spec = _long(i)
    _triton_numbers.constants(*spec.numbers, torch.float32)
    _triton_numbers.piece_codes(spec.numbers[1], len(spec.pieces), 0.0)
    _triton_numbers.finite_slopes(spec.slopes, torch.float32)


@pytest.mark.parametrize("call", [_raw, _activation, _triton])
def test_memory_does_not_grow_with_specs_of_a_thousand_knots(call, monkeypatch):
    """A spec of 1,000 knots is some 300 kB; 8 of them go through caches of an eighth of theirs."""
    numbers = _triton_numbers
    for cache in (_raw_ops._of, numbers.constants, numbers.piece_codes, numbers.finite_slopes):
        assert cache._most == MOST_BYTES
        monkeypatch.setattr(cache, "_most", MOST_BYTES // 8)
    assert _held_after(8, call) < 1.5 * MOST_BYTES / 8


def test_a_spec_takes_with_it_what_is_kept_for_it():
    spec = _long(0)
    functional.piecewise(X.clone().requires_grad_(), spec)
    assert spec._for_ops is not None
    copy = PiecewisePolynomial(spec.knots, spec.pieces)
    assert copy == spec
    assert copy._for_ops is None


def test_the_least_recently_used_is_forgotten():
    calls = []

    def function(a):
        calls.append(a)
        return (0.5,) * a

    most = int(3.5 * size_of(((100,), (0.5,) * 100)))
    cache = BoundedCache(function, most)
    for a in (100, 101, 102, 100):  # the first of them is used again
        assert cache(a) == (0.5,) * a
    assert calls == [100, 101, 102]
    cache(103)
    cache(100)
    assert calls == [100, 101, 102, 103]
    cache(101)  # was the one that had to go
    assert calls == [100, 101, 102, 103, 101]
    cache(100_000)  # larger than all: not kept, and nothing goes for it
    cache(101)
    assert calls == [100, 101, 102, 103, 101, 100_000]
    assert 0 < cache.bytes <= most


def test_an_error_is_raised_every_time():
    cache = BoundedCache(lambda a: 1 / a)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cache(0)
    assert cache(4) == 0.25


def test_a_result_that_grows_is_counted_as_large():
    single = size_of(((9,), (0.5,) * 9))
    cache = BoundedCache(lambda a: (0.5,) * a, most=10 * single, weight=lambda result: 4)
    for a in (9, 9, 10, 11):
        cache(a)
    assert len(cache._entries) == 2


def test_threads_share_it():
    cache = BoundedCache(lambda a: (a,) * 50, most=2_000)
    errors, before = [], sys.getswitchinterval()

    def work(seed):
        try:
            for i in range(2000):
                a = i * seed % 61
                assert cache(a) == (a,) * 50
        except BaseException as error:  # a thread's failure is to be the test's
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 9)]
    sys.setswitchinterval(1e-6)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(before)
    assert not errors
    assert 0 < cache.bytes <= 2_000
    assert cache.bytes == sum(size for _, size in cache._entries.values())


def test_sizes_count_each_object_once():
    number = Fraction(1, 3)
    assert size_of((number, number)) < size_of((number, Fraction(10**40, 3)))
    tracemalloc.start()
    spec = _long(3)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.7 * held < size_of(spec) < 1.5 * held
