"""hatact::triangle_cascade on every backend: values, gradients of every order, rules."""

import pytest
import torch

import hatact
from hatact import functional, nn
from hatact.reference_cascade import triangle_cascade as composed
from tests.support.cascades import numbers
from tests.support.layouts import same_bits

raw = torch.ops.hatact
OP = "triangle_cascade"  # what a place must serve
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
SHAPES = [
    (0, 3),
    (1, 1),
    (33, 1),
    (1025, 1),
    (7, 3),
    (50, 64),
    (2, 9, 5),
    (200, 17),
    (67, 77),
    (3, 1001),
]
SLACK = 2  # times the error of plain PyTorch in the same dtype


def inputs(shape, dtype, device="cpu"):
    """x mostly in [0, 1], partly outside, and g."""
    generator = torch.Generator().manual_seed(1)
    x = 1.2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 0.1
    g = torch.randn(shape, generator=generator, dtype=torch.float64)
    return x.to(device, dtype), g.to(device, dtype)


def computing(dtype):
    return torch.float64 if dtype == torch.float64 else torch.float32


def both(x, peaks, scales, g):
    """y and the three gradients, of the ops in use."""
    y = raw.triangle_cascade(x, peaks, scales)
    return y, *raw.triangle_cascade_backward(g, x, peaks, scales)


def of_reference(x, peaks, scales, g):
    with hatact.use_backend("reference"):
        return both(x, peaks, scales, g)


@pytest.mark.parametrize("depth", [1, 2, 8])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_against_float64(place, dtype, shape, depth):
    x, g = inputs(shape, dtype, place.device)
    peaks, scales = numbers(shape[-1], depth, computing(dtype), place.device)
    got = both(x, peaks, scales, g)
    plain = of_reference(x, peaks, scales, g)
    exact = of_reference(x.double(), peaks.double(), scales.double(), g.double())
    for what, y, p, e in zip(("y", "gx", "gpeaks", "gscales"), got, plain, exact, strict=True):
        assert y.dtype == p.dtype
        assert y.shape == p.shape
        if not y.numel():
            continue
        # A triangle rounded across a kink has another slope: the same one as the reference's.
        want = p.double() if what == "gx" else e
        error, of_plain = (float((t.double() - want).abs().max()) for t in (y, p))
        summed = what in ("gpeaks", "gscales")  # over the rows, in any order
        step = torch.finfo(computing(dtype) if summed else dtype).eps
        floor = 4 * step * max(1.0, float(want.abs().max())) * (len(x) ** 0.5 if summed else 1)
        assert error <= max(SLACK * of_plain, floor), what


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_special_values(place, dtype):
    peaks, scales = numbers(1, 3, dtype, place.device)
    inf = float("inf")
    x = torch.tensor([0.0, -0.0, 1.0, -0.5, 1.5, inf, -inf, float("nan")], dtype=dtype)
    x = torch.cat([x.to(place.device), peaks[0, :1]])[:, None]
    y, gx, ga, gs = both(x, peaks, scales, torch.ones_like(x))
    assert torch.equal(y[:7], torch.zeros_like(y[:7]))
    assert torch.equal(gx[:7], torch.zeros_like(gx[:7]))  # outside, and at 0 and 1 from the outside
    assert y[7].isnan()
    assert gx[7].isnan()
    assert ga.isnan().all()
    assert gs.isnan().all()
    assert float(y[8]) == pytest.approx(float(scales[0, 0]), rel=1e-5)
    assert float(gx[8]) > 0  # a peak belongs to the piece on its left


def test_the_same_bits_on_any_number_of_threads_and_every_time():
    x, g = inputs((70_001, 3), torch.float32)
    peaks, scales = numbers(3, 6, torch.float32)
    runs = []
    before = torch.get_num_threads()
    for threads in (1, 2, 3, 2):
        torch.set_num_threads(threads)
        runs.append(both(x, peaks, scales, g))
    torch.set_num_threads(before)
    for run in runs[1:]:
        assert all(same_bits(a, b) for a, b in zip(run, runs[0], strict=True))


def test_gradients_of_long_sums_are_accurate():
    """Over 2^20 elements, relative to the sum of what is added up."""
    x, g = inputs((2**20, 1), torch.float32)
    peaks, scales = numbers(1, 4, torch.float32)
    _, _, ga, gs = both(x, peaks, scales, g.abs())
    exact = of_reference(x.double(), peaks.double(), scales.double(), g.abs().double())
    assert ((gs - exact[3]).abs() <= 2e-6 * exact[3].abs()).all()
    assert ((ga - exact[2]).abs() <= 2e-5 * exact[3].abs().max()).all()


@pytest.mark.parametrize(("shape", "depth"), [((4, 2), 3), ((5, 1), 1)])
def test_gradcheck(place, shape, depth):
    x, _ = inputs(shape, torch.float64, place.device)
    peaks, scales = numbers(shape[-1], depth, torch.float64, place.device)
    tensors = [t.requires_grad_() for t in (x.clamp(0.02, 0.98), peaks, scales)]
    f = functional.triangle_cascade
    for needs in ((True, True, True), (True, False, False), (False, True, False)):
        of = [t if n else t.detach() for t, n in zip(tensors, needs, strict=True)]
        torch.autograd.gradcheck(f, of, check_batched_grad=True)
        torch.autograd.gradgradcheck(f, of)
    torch.autograd.gradcheck(f, tensors, check_forward_ad=True)
    torch.autograd.gradgradcheck(f, tensors, check_fwd_over_rev=True)


def test_the_fused_backward_is_the_composition(place):
    x, g = inputs((40, 3), torch.float64, place.device)
    peaks, scales = numbers(3, 5, torch.float64, place.device)
    tensors = [t.requires_grad_() for t in (x, peaks, scales)]
    fused = torch.autograd.grad(functional.triangle_cascade(*tensors), tensors, g)
    by_torch = torch.autograd.grad(composed(*tensors), tensors, g)
    twice = torch.autograd.grad(
        functional.triangle_cascade(*tensors), tensors, g, create_graph=True
    )
    for a, b, c in zip(fused, by_torch, twice, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(a, c, rtol=1e-12, atol=1e-12)
        assert c.requires_grad


def test_a_second_derivative_at_infinity_is_zero(place):
    peaks, scales = (t.requires_grad_() for t in numbers(1, 3, torch.float64, place.device))
    inf = float("inf")
    x = torch.tensor([[inf], [-inf], [0.3]], dtype=torch.float64, device=place.device)
    y = functional.triangle_cascade(x.requires_grad_(), peaks, scales)
    first = torch.autograd.grad(y.sum(), (x, peaks, scales), create_graph=True)
    assert all(torch.isfinite(g).all() for g in first)
    again = torch.autograd.grad(sum(g.square().sum() for g in first), (peaks, scales))
    assert all(torch.isfinite(g).all() for g in again)


def test_many_channels_of_few_rows():
    """The work grows with the elements, also where channels do not fill whole registers."""
    x, g = inputs((1, 100_003), torch.float32)
    peaks, scales = numbers(100_003, 2, torch.float32)
    for y, want in zip(both(x, peaks, scales, g), of_reference(x, peaks, scales, g), strict=True):
        torch.testing.assert_close(y, want, rtol=1e-5, atol=1e-5)


def test_mapped_over_the_numbers(place):
    x, _ = inputs((4, 6, 2), torch.float64, place.device)
    several = [numbers(2, 3, torch.float64, place.device, seed) for seed in range(4)]
    peaks, scales = (torch.stack(of) for of in zip(*several, strict=True))
    f = functional.triangle_cascade
    mapped = torch.func.vmap(f)(x, peaks, scales)
    expected = torch.stack([f(*of) for of in zip(x, peaks, scales, strict=True)])
    torch.testing.assert_close(mapped, expected)


def test_keeps_x_and_the_numbers_alone(place):
    x, _ = inputs((40, 3), torch.float32, place.device)
    peaks, scales = numbers(3, 5, torch.float32, place.device)
    tensors = [t.requires_grad_() for t in (x, peaks, scales)]
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        functional.triangle_cascade(*tensors)
    assert {t.data_ptr() for t in kept} == {t.data_ptr() for t in tensors}
    with torch.no_grad():
        assert not functional.triangle_cascade(*tensors).requires_grad


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_compiled_the_ops_stay_whole():
    torch.manual_seed(0)
    torch.compiler.reset()
    m = nn.TriangleCascade(4, 3)
    x = torch.rand(20, 3, requires_grad=True)
    m(x).square().sum().backward()
    expected = [p.grad.clone() for p in (x, *m.parameters())]
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(m, fullgraph=True, backend="aot_eager")
    x.grad = None
    m.zero_grad()
    compiled(x).square().sum().backward()
    for p, want in zip((x, *m.parameters()), expected, strict=True):
        torch.testing.assert_close(p.grad, want)
    torch.compiler.reset()
    torch.compile(m, fullgraph=True, backend=backend)(x.detach())
    code = "".join(part.code for part in graphs[0].modules() if hasattr(part, "code"))
    assert "ops.hatact.triangle_cascade(" in code
    assert "ops.hatact.triangle_cascade_backward(" in code


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_compiled_transforms():
    torch.compiler.reset()
    m = nn.TriangleCascade(3, 2)
    x = torch.rand(5, 2)
    of_x = torch.func.grad(lambda x: m(x).sum())
    compiled = torch.compile(of_x, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), of_x(x))


def test_lists_are_no_tensors():
    peaks, scales = numbers(1, 2, torch.float32)
    with pytest.raises(ValueError, match=r"scales must be a torch\.Tensor; got list"):
        functional.triangle_cascade(torch.rand(3, 1), peaks, scales.tolist())


BAD = {
    "x": (lambda x, a, s: (x.long(), a, s), "must be float16, bfloat16, float32 or float64; got"),
    "channels": (lambda x, a, s: (x[:, :2], a, s), r"the 3 channels of peaks; got shape \(5, 2\)"),
    "no dimension": (lambda x, a, s: (x[0, 0], a, s), r"the 3 channels of peaks; got shape \(\)"),
    "peaks of one dimension": (lambda x, a, s: (x, a[0], s), r"\(channels, depth\)"),
    "no peaks": (lambda x, a, s: (x, a[:, :0], s[:, :0]), r"\(channels, depth\), both at least 1"),
    "scales": (lambda x, a, s: (x, a, s[:, :1]), r"scales must have the shape of peaks, \(3, 2\)"),
    "dtype of peaks": (
        lambda x, a, s: (x, a.double(), s),
        "peaks must",
    ),
    "dtype of scales": (lambda x, a, s: (x, a, s.half()), "scales must"),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_tensors(place, case):
    broken, says = BAD[case]
    x = torch.rand(5, 3, device=place.device)
    peaks, scales = numbers(3, 2, torch.float32, place.device)
    for f in (functional.triangle_cascade, raw.triangle_cascade):
        with pytest.raises((ValueError, RuntimeError), match=says):
            f(*broken(x, peaks, scales))


@pytest.mark.parametrize("value", [0.0, 1.0, -0.5, 1.5, float("nan")])
def test_peaks_outside_are_refused(value):
    peaks, scales = numbers(3, 2, torch.float32)
    peaks[1, 1] = value
    with pytest.raises(ValueError, match="peaks must lie strictly between 0 and 1; got"):
        functional.triangle_cascade(torch.rand(5, 3), peaks, scales)


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_scales_that_are_not_positive_are_refused(value):
    peaks, scales = numbers(3, 2, torch.float32)
    scales[2, 0] = value
    with pytest.raises(ValueError, match="scales must be positive and finite; got"):
        functional.triangle_cascade(torch.rand(5, 3), peaks, scales)


def test_the_raw_ops_never_lose_a_gradient(place):
    x, g = inputs((5, 3), torch.float32, place.device)
    peaks, scales = (t.requires_grad_() for t in numbers(3, 2, torch.float32, place.device))
    raw.triangle_cascade(x, peaks, scales).sum().backward()
    assert peaks.grad is not None
    with pytest.raises(RuntimeError, match="no derivative of its own"):
        raw.triangle_cascade_backward(g, x, peaks, scales)
    with pytest.raises(RuntimeError, match=r"no rule for torch\.func transforms"):
        torch.func.grad(lambda x: raw.triangle_cascade(x, peaks, scales).sum())(x)
    with pytest.raises((ValueError, RuntimeError), match="g must have x's shape, dtype and device"):
        raw.triangle_cascade_backward(g[:2], x, peaks.detach(), scales.detach())


def test_scales_that_the_peaks_make(place):
    """Each derivative once, also where the graph of the first is kept."""
    peaks, _ = numbers(3, 4, torch.float64, place.device)
    x = torch.rand(20, 3, dtype=torch.float64, device=place.device, requires_grad=True)
    inputs = [x, peaks.requires_grad_()]
    found = []
    for f in (functional.triangle_cascade, composed):
        y = f(x, peaks, 0.5 * peaks.square())
        first = torch.autograd.grad(y.square().sum(), inputs, retain_graph=True)
        again = torch.autograd.grad(y.square().sum(), inputs, create_graph=True)
        torch.testing.assert_close(first, again)
        found.append((*first, *torch.autograd.grad(sum(g.square().sum() for g in again), inputs)))
    torch.testing.assert_close(*found)
