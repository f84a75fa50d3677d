"""Every spec on every backend, dtype and layout against the oracle and against SciPy."""

import pytest
import torch

from hatact import reference
from hatact.functional import piecewise
from tests.support.layouts import LAYOUTS, POOL, cotangents, same_layout
from tests.support.oracle import assert_within, case, compute_eps, exact, magnitude, settled
from tests.support.places import DTYPES, HALVES
from tests.support.specs import SPECS

ppoly = torch.ops.hatact.ppoly
every_spec = pytest.mark.parametrize("name", SPECS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)


@every_dtype
@every_spec
def test_layouts(place, name, dtype):
    c = case(name, dtype)
    pool = torch.arange(POOL) % len(c.x)
    numbers = SPECS[name].numbers
    x_pool, g_pool = c.x[pool].to(place.device), c.g[pool].to(place.device)
    before = x_pool.clone(), g_pool.clone()
    plain, with_g = c.expected(False), c.expected(True)
    few = place.interpreted and name not in ("hat", "bspline3", "sawtooth")
    for layout_name in ("contiguous", "sliced_2d") if few else LAYOUTS:
        layout = LAYOUTS[layout_name]
        x = layout(x_pool)
        here = layout(x_pool.cpu())
        expected, tolerance = (layout(v[pool]) for v in plain)
        y = ppoly(x, None, *numbers)
        assert_within(y, expected, tolerance, here, f"{layout_name}, no g")
        assert y.dtype == dtype
        assert same_layout(y, x), layout_name
        expected, tolerance = (layout(v[pool]) for v in with_g)
        for g_name, g in cotangents(g_pool, layout).items():
            before_g = g.clone()
            y = ppoly(x, g, *numbers)
            assert_within(y, expected, tolerance, here, f"{layout_name}, g {g_name}")
            assert same_layout(y, x), (layout_name, g_name)
            assert torch.equal(g, before_g)
    assert torch.equal(x_pool, before[0])
    assert torch.equal(g_pool, before[1])


EMPTY = {  # shapes without elements, and strides of no dense tensor, or of no row-major one
    "gaps": ((0, 3), (5, 7)),
    "transposed": ((3, 0, 2), (1, 6, 3)),
    "one dimension": ((0,), (3,)),
    "expanded": ((2, 0, 4), (0, 0, 0)),
    "channels last": ((2, 3, 0, 5), (0, 1, 15, 3)),
    "sizes of one": ((1, 0, 1), (9, 9, 9)),
}


@every_dtype
@pytest.mark.parametrize("layout", EMPTY)
def test_empty_tensors_have_torch_s_strides(place, layout, dtype):
    shape, strides = EMPTY[layout]
    x = torch.empty(64, dtype=dtype, device=place.device).as_strided(shape, strides)
    expected = torch.relu(x).stride()
    hat = SPECS["hat"]
    coded, kept = x.detach().requires_grad_(), x.detach().requires_grad_()
    results = {
        "ppoly": ppoly(x, None, *hat.numbers),
        "ppoly with g": ppoly(x, torch.ones_like(x), *hat.numbers),
        "encode": torch.ops.hatact.ppoly_encode(x, *hat.numbers)[0],
        "coded": piecewise(coded, hat),
        "kept": piecewise(kept, SPECS["bspline3"]),
    }
    for name, y in results.items():
        assert (y.shape, y.stride()) == (x.shape, expected), name
    for y, leaf in ((results["coded"], coded), (results["kept"], kept)):
        y.sum().backward()
        assert leaf.grad.shape == x.shape


@every_dtype
@every_spec
def test_expanded_cotangent(place, name, dtype):
    """sum().backward() sends a g of stride 0."""
    c = case(name, dtype)
    numbers = SPECS[name].numbers
    x = c.x.to(place.device)
    one = torch.ones((), dtype=dtype, device=place.device)
    n = len(x) // 4 * 4
    for shape, order in (((n,), (0,)), ((4, n // 4), (0, 1)), ((4, n // 4), (1, 0))):
        view = x[:n].view(shape).permute(order)
        y = ppoly(view, one.expand(view.shape), *numbers)
        assert torch.equal(y, ppoly(view, None, *numbers))
        row = c.g[: view.shape[-1]].to(place.device).expand(view.shape)
        assert torch.equal(ppoly(view, row, *numbers), ppoly(view, row.contiguous(), *numbers))


@every_dtype
@every_spec
def test_sizes(place, name, dtype):
    """Every remainder of a vector loop: nothing unwritten, nothing written twice."""
    c = case(name, dtype)
    numbers = SPECS[name].numbers
    pool = torch.arange(1025) % len(c.x)
    x = c.x[pool].to(place.device)
    g = c.g[pool].to(place.device)
    plain, with_g = c.expected(False), c.expected(True)
    for n in (1, 31, 1025) if place.interpreted else (*range(1, 34), 1023, 1024, 1025):
        for cotangent, (expected, tolerance) in ((None, plain), (g[:n], with_g)):
            y = ppoly(x[:n], cotangent, *numbers)
            assert_within(y, expected[pool[:n]], tolerance[pool[:n]], x[:n], f"{n} elements")


@pytest.mark.parametrize("dtype", HALVES, ids=("bf16", "fp16"))
@every_spec
def test_half_types_round_once(place, name, dtype):
    """Computed in float32 and rounded once: nearly every result is the nearest half number."""
    c = case(name, dtype)
    y = ppoly(c.x.to(place.device), c.g.to(place.device), *SPECS[name].numbers).cpu()
    misrounded = float((y != (c.f * c.g.double()).to(dtype)).double().mean())
    assert misrounded <= 2 * c.misrounded + 0.01


@every_dtype
@every_spec
def test_scipy(place, name, dtype):
    """SciPy evaluates the spec on its own; at jumps it is continuous from the other side."""
    spec, c = SPECS[name], case(name, dtype)
    pytest.importorskip("scipy")
    f = torch.from_numpy(spec.to_scipy()(c.x.double().numpy()))
    knots = torch.tensor(spec.numbers[0], dtype=torch.float64)
    off = (c.x.double()[:, None] != knots).all(1)
    y = ppoly(c.x.to(place.device), None, *spec.numbers).cpu()
    # SciPy's left tail starts a unit or more left of the first knot: its own terms are larger.
    first = spec.numbers[0][0]
    left = (c.x.double() <= first) & (spec.period is None)
    scale = torch.where(left, magnitude(spec, c.x.double() - 2 * max(1.0, abs(first))), c.magnitude)
    tolerance = c.expected(False)[1] + 8 * compute_eps(torch.float64) * scale
    assert_within(y[off], f[off], tolerance[off], c.x[off], "SciPy")


@pytest.mark.parametrize("name", ["hat", "bspline3_d1", "bw_relu", "triangle_wave"])
@every_dtype
def test_many_elements(place, name, dtype):
    """More than one thread's or block's share, dense and strided."""
    torch.set_num_threads(4)
    c = case(name, dtype)
    pool = torch.arange(150_001) % len(c.x)
    x, g = c.x[pool].to(place.device), c.g[pool].to(place.device)
    expected, tolerance = (v[pool] for v in c.expected(True))
    for take in (slice(None), slice(1, None, 2)):
        y = ppoly(x[take], g[take], *SPECS[name].numbers)
        assert_within(y, expected[take], tolerance[take], x[take], str(take))


@every_spec
def test_the_oracle_itself(name):
    """The reference in float64, exact rational arithmetic and SciPy agree."""
    spec, c = SPECS[name], case(name, torch.float64)
    y = reference.ppoly(c.x, None, *spec.numbers)
    tolerance = 8 * compute_eps(torch.float64) * magnitude(spec, c.x)
    assert_within(y, exact(spec, c.x), tolerance, c.x, "reference")
    assert settled(spec, c.x).all()
    for dtype in DTYPES.values():
        c = case(name, dtype)
        allowed = torch.finfo(dtype).eps + 8 * compute_eps(dtype)
        assert c.share <= allowed
        assert c.share_g <= allowed
        assert dtype not in HALVES or c.misrounded <= 0.05
        assert len(c.x) > POOL / 2
