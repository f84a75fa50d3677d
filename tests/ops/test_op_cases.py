"""The checks that every op inherits find what is wrong with a kernel, and say it."""

import pytest
import torch
from torch.utils import _pytree as pytree

from hatact import HAT, ops, reference
from tests.support import op_cases
from tests.support.layouts import LAYOUTS
from tests.support.op_cases import OpCase, drawn_like
from tests.support.places import DTYPES

CASE = OpCase("ppoly", lambda x: (x, drawn_like(x, 1), *HAT.numbers))


def _right(x, g, *numbers):
    return torch.empty_like(x).copy_(reference.ppoly(x, g, *numbers))


def _too_large(x, g, *numbers):
    return _right(x, g, *numbers) * (1 + 64 * torch.finfo(x.dtype).eps)


def _as_if_dense(x, g, *numbers):
    dense = torch.as_strided(x, (x.numel(),), (1,)).view(x.shape)
    return _right(x, g, *numbers) if x.is_contiguous() else _right(dense, g, *numbers)


def _writes_x(x, g, *numbers):
    y = _right(x, g, *numbers)
    x.mul_(1.5)
    return y


def _writes_g(x, g, *numbers):
    y = _right(x, g, *numbers)
    g.zero_()
    return y


def _loses_nan(x, g, *numbers):
    return _right(x, g, *numbers).nan_to_num()


def _narrow(x, g, *numbers):
    return _right(x, g, *numbers).float()


def _flat(x, g, *numbers):
    return _right(x, g, *numbers).flatten()


def _small_where_f_is_0(x, g, *numbers):
    y = _right(x, g, *numbers)
    return torch.where(y == 0, 16 * torch.finfo(torch.float32).eps, y)


WRONG = {
    _too_large: "off by",
    _as_if_dense: "off by|NaN in other places",
    _writes_x: "an argument changed",
    _writes_g: "an argument changed",
    _loses_nan: "NaN in other places",
    _small_where_f_is_0: "off by",
    _narrow: "result 0 of ppoly",
    _flat: "result 0 of ppoly",
}


def _check(kernel, case=CASE, dtype=torch.float64, odd=torch.nan):
    x = LAYOUTS["transposed"](case.pool(dtype))
    x[3, 4] = odd
    arguments = case.arguments(x)
    library = ops._override({"cpu": {case.op: kernel}})
    try:
        return case.check(arguments)
    finally:
        library._destroy()


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_a_right_kernel_passes(dtype):
    assert _check(_right, dtype=dtype)[0].shape == (30, 24)


@pytest.mark.parametrize("kernel", WRONG, ids=lambda kernel: kernel.__name__)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_a_wrong_kernel_does_not(kernel, dtype):
    with pytest.raises(AssertionError, match=WRONG[kernel]):
        _check(kernel, dtype=dtype)


def _off(result, share):
    """The reference's op with one of its results off by a share of the largest value."""

    def kernel(case, *args):
        found = ops._REFERENCE[case.op](*args)
        flat = pytree.tree_leaves(found)
        y = flat[result]
        if y.dtype == torch.uint8:
            y[0] ^= 1
        else:
            y += share * y[y.isfinite()].abs().max()
        return found

    return kernel


SHARES = {torch.float64: 1e-12, torch.float32: 1e-3, torch.bfloat16: 0.04, torch.float16: 0.01}


@pytest.mark.parametrize("dtype", SHARES, ids=str)
@pytest.mark.parametrize("case", [case for case in op_cases.ops() if not case.writes], ids=str)
def test_no_result_of_any_op_may_be_off(case, dtype):
    """By a few units in the last place of the largest value, or by a bit of a code."""
    results = case.reference(case.arguments(LAYOUTS["transposed"](case.pool(dtype))))
    for result in [i for i, y in enumerate(results) if y.numel()]:
        wrong = _off(result, SHARES[dtype])
        with pytest.raises(AssertionError, match=r"off by|result \d of"):
            _check(lambda *args, wrong=wrong: wrong(case, *args), case, dtype, 0.5)
