"""The checks that every op inherits find what is wrong with a kernel, and say it."""

import pytest
import torch

from hatact import HAT, ops, reference
from tests.support.layouts import LAYOUTS
from tests.support.op_cases import OpCase, drawn_like

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


WRONG = {
    _too_large: "off by",
    _as_if_dense: "off by|NaN in other places",
    _writes_x: "an argument changed",
    _writes_g: "an argument changed",
    _loses_nan: "NaN in other places",
    _narrow: "result 0 of ppoly",
    _flat: "result 0 of ppoly",
}


def _check(kernel):
    x = LAYOUTS["transposed"](CASE.pool(torch.float64))
    x[3, 4] = torch.nan
    library = ops._override({"cpu": {"ppoly": kernel}})
    try:
        return CASE.check(CASE.arguments(x))
    finally:
        library._destroy()


def test_a_right_kernel_passes():
    assert _check(_right)[0].shape == (30, 24)


@pytest.mark.parametrize("kernel", WRONG, ids=lambda kernel: kernel.__name__)
def test_a_wrong_kernel_does_not(kernel):
    with pytest.raises(AssertionError, match=WRONG[kernel]):
        _check(kernel)
