"""How the Triton backend launches a whole network, and its kernels on a GPU."""

import logging
from itertools import product

import pytest
import torch

import hatact
from hatact import HAT, nn, ops
from hatact.backends import _triton_mlp as backend
from hatact.backends import _triton_mlp_rules as rules
from hatact.reference_mlp import Shape
from tests.support.children import needs_triton
from tests.support.children.interpreted_mlp import CHECKS, WIDTHS, check_width


@pytest.fixture
def tf32():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision(before)


@pytest.fixture
def gpu(place):
    if place.backend != "triton" or place.interpreted:
        pytest.skip("the Triton kernels on a GPU")
    return place.device


@pytest.mark.apart
@pytest.mark.usefixtures("tf32")
@pytest.mark.parametrize("what", [*(f"width {n}" for n in WIDTHS), *CHECKS])
def test_on_a_gpu(gpu, what):
    if what.startswith("width"):
        assert check_width(int(what.split()[1]), gpu) == []
    else:
        assert CHECKS[what](gpu) == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_in_a_cuda_graph(gpu, dtype):
    if gpu != "cuda":
        pytest.skip("a GPU that is pretended records no graph")
    m = nn.MLP(2, 64, 1, 4, HAT.scaled(8), device="cuda", dtype=dtype)
    x = torch.rand(5000, 2, device="cuda", dtype=dtype)

    def step():
        y = m(x)
        return [y.detach(), *torch.autograd.grad(y.float().square().sum(), list(m.parameters()))]

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = step()
    x.copy_(torch.rand_like(x))
    graph.replay()
    assert all(torch.equal(a, b) for a, b in zip(found, step(), strict=True))


@needs_triton
@pytest.mark.parametrize(
    ("hidden", "dtype", "why"),
    [
        (64, torch.float16, None),
        (256, torch.bfloat16, None),
        (128, torch.float32, None),
        (129, torch.float32, "in float32 the Triton kernels take widths to 128"),
        (64, torch.float64, "the Triton kernels take no float64"),
    ],
)
@pytest.mark.usefixtures("tf32")
def test_what_the_kernels_take(hidden, dtype, why):
    assert rules.mlp_unfused(hidden, dtype) == why


@needs_triton
def test_high_precision_lets_tf32_in():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        assert rules.precision(torch.float32) == "tf32"
        assert rules.mlp_unfused(64, torch.float32) is None
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(("capability", "old"), [((8, 0), True), ((9, 0), False), ((12, 0), True)])
def test_launches_of_each_generation(monkeypatch, capability, old):
    """Only warp groups multiply 64 rows and 32 by unlike instructions: there 32 is no choice."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    rules._is_old.cache_clear()
    assert rules._is_old(torch.device("cuda", 0)) == old
    rules._is_old.cache_clear()
    rows = {c.rows for hidden in (16, 64, 128, 256) for c in rules.configs(hidden, 2, old)}
    assert (32 in rows) == old
    assert rules.mlp_unfused(64, torch.float16) is None
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
    assert "no matrix instructions" in rules.mlp_unfused(64, torch.float16)


@needs_triton
def test_amd_needs_a_triton_that_compiles(monkeypatch):
    monkeypatch.setattr(torch.version, "hip", "pretended")
    monkeypatch.setattr(rules, "_triton_version", lambda: (3, 6))
    assert "before 3.7" in rules.mlp_unfused(64, torch.float16)


@needs_triton
def test_the_cache_tells_launches_apart():
    x = torch.zeros(1, dtype=torch.bfloat16)
    numbers = backend.constants(*HAT.numbers[:2], 0.0, torch.float32)
    others = backend.constants(*hatact.BW_RELU.numbers[:2], 0.0, torch.float32)
    shape = Shape(64, 64, 64, 4)
    keys = {
        backend._key(kernel, s, t, rows, bias, f)
        for kernel in ("parameters, first", "parameters, hidden")
        for s in (shape, shape._replace(depth=5))
        for t in (x, x.half())
        for rows in (1000, 2**20)
        for bias in (True, False)
        for f in (numbers, others)
    }
    assert len(keys) == 64


def test_exact_float32_products_are_left_to_the_layers(monkeypatch):
    assert torch.get_float32_matmul_precision() == "highest"
    assert "matrix instructions" in rules.mlp_unfused(64, torch.float32)
    monkeypatch.setattr(torch.version, "hip", "pretended")
    assert rules.mlp_unfused(64, torch.float32) is None


def test_rows_are_split_by_sizes_alone():
    assert backend._splits(1, 1000) == (1, 16)
    assert backend._splits(1, 1025) == (2, 9)
    assert backend._splits(2, 2**20) == (256, 64)
    assert backend._splits(600, 2**20) == (1, 2**14)
    for blocks, rows in product((1, 2, 3, 4, 96, 513), (1, 63, 64, 5003, 2**20 + 1)):
        splits, steps = backend._splits(blocks, rows)
        assert (splits - 1) * steps * 64 < rows <= splits * steps * 64


@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 7, 16, 96, 112, 511])
@pytest.mark.parametrize("rows", [2**19, 2**20, 10**6 + 1, 2**24])
def test_each_launch_over_the_rows_occupies_a_device(blocks, rows):
    splits, _ = backend._splits(blocks, rows)
    assert 512 <= blocks * splits < 512 + max(blocks, 64)


def test_blocks_follow_from_the_shape():
    assert rules.sizes(Shape(2, 16, 1, 4)) == (16, 16, 16)
    assert rules.sizes(Shape(40, 100, 3, 4)) == (64, 64, 16)
    assert rules.sizes(Shape(300, 33, 200, 4)) == (64, 64, 64)


@needs_triton
def test_none_of_the_launches_fits(monkeypatch, caplog):
    """Then the layers serve, and say so once."""
    monkeypatch.setattr(backend, "launch_best", lambda *args: None)
    backend._say_once.cache_clear()
    x = torch.randn(7, 3, dtype=torch.float16)
    weights = [torch.randn(s, dtype=torch.float16) for s in ((20, 3), (20, 20), (1, 20))]
    knots, coeffs, period = HAT.numbers
    slopes = HAT.derivative().numbers[1]
    monkeypatch.setattr(backend, "ppoly", torch.ops.hatact.ppoly.default)
    with caplog.at_level(logging.DEBUG, "hatact"):
        y, kept = backend.mlp_forward(x, weights, [], knots, coeffs, period)
        args = (y, x, weights, [], kept, knots, coeffs, slopes, period, True, True)
        gx, gweights, _ = backend.mlp_backward(*args)
    assert len([r for r in caplog.records if "runs layer by layer" in r.getMessage()]) == 1
    with hatact.use_backend("reference"):
        want, also = torch.ops.hatact.mlp_forward(x, weights, [], knots, coeffs, period)
        of_x, of_weights, _ = torch.ops.hatact.mlp_backward(*args[:4], also, *args[5:])
    assert torch.equal(y, want)
    torch.testing.assert_close([gx, *gweights], [of_x, *of_weights])


@pytest.mark.parametrize("forced", [True, False])
def test_who_fuses_on_cuda(monkeypatch, forced):
    """Beside the C++ kernels of CUDA, which have none for a network, Triton's serve by default."""
    of = ops._BACKENDS
    both = {n: ops.Backend(n, ("cuda",), {}) for n in ("extension", "triton")}
    monkeypatch.setattr(ops, "_BACKENDS", of | both)
    asked = ("cuda", 64, torch.bfloat16, forced)
    assert ops.mlp_unfused(*asked) is None
    assert {"mlp_forward", "mlp_backward"} <= set(ops._default_kernels("cuda"))
    assert "widths from 16 to 256" in ops.mlp_unfused("cuda", 300, torch.bfloat16, forced)
    monkeypatch.setattr(ops, "_forced", [ops._Choice("extension")])
    assert (ops.mlp_unfused(*asked) is None) == (not forced)
    assert ops._forced_kernels("extension", "cuda")["mlp_forward"] is ops._mlp_forward
    monkeypatch.setattr(ops, "_BACKENDS", of | {"extension": both["extension"]})
    monkeypatch.setattr(ops, "_forced", [])
    assert "no fused kernels on cuda" in ops.mlp_unfused(*asked)
