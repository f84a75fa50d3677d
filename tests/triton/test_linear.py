"""How the Triton backend launches its linear layer."""

import pytest
import torch

from hatact.backends import _triton_linear as linear

H200 = 132, 232448  # multiprocessors, bytes of shared memory


@pytest.mark.parametrize(
    ("m", "n", "want"),
    [
        (4096, 4096, (128, 128, 64, 8, 4)),
        (2048, 1024, (128, 64, 64, 4, 4)),  # 128 tiles of 128 x 128 would leave four idle
        (64, 64, (32, 64, 64, 4, 4)),
    ],
)
def test_tile_is_the_largest_that_keeps_the_device_busy(m, n, want):
    assert linear.tile(m, n, 512, 2, False, *H200) == want


def test_tile_fits():
    # A T4's memory has no room for three stages of the larger tiles.
    assert linear.tile(4096, 4096, 512, 2, False, 40, 65536) == (64, 64, 64, 4, 4)
    assert linear.tile(4096, 4096, 3, 2, False, *H200).k == 16
    assert linear.tile(4096, 4096, 512, 4, True, *H200) == (64, 64, 32, 4, 4)


def test_tile_of_amd_has_two_stages(monkeypatch):
    monkeypatch.setattr(torch.version, "hip", "pretended")
    assert linear.tile(4096, 4096, 512, 2, False, 304, 65536) == (128, 128, 64, 8, 2)


@pytest.mark.parametrize(
    ("setting", "want"), [("highest", "ieee"), ("high", "tf32x3"), ("medium", "tf32")]
)
def test_precision_is_that_of_torch(setting, want):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(setting)
    try:
        assert linear.precision_of(torch.float32) == want
        assert linear.precision_of(torch.bfloat16) == "ieee"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(("setting", "want"), [("ieee", "ieee"), ("tf32", "tf32")])
def test_precision_by_the_newer_setting(setting, want):
    products = torch.backends.cuda.matmul
    before, products.fp32_precision = products.fp32_precision, setting
    try:
        assert linear.precision_of(torch.float32) == want
    finally:
        products.fp32_precision = before
    assert torch.get_float32_matmul_precision() == "highest"  # both settings are as they were
