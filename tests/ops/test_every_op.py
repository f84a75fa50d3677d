"""Every op and function of every family: layouts, dtypes, sizes, corners, opcheck, transforms.

What a family states of its ops is in its op_cases.py; what is tested of them is here.
"""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

import hatact
from tests.support import op_cases
from tests.support.bad_input import ERRORS, NOT_FLOATS
from tests.support.layouts import LAYOUTS, POOL, SHARED, same_bits, same_layout, views
from tests.support.op_cases import OpCase, mapped, same_bits_or_bytes
from tests.support.places import DTYPES

OPS, FUNCTIONS = op_cases.ops(), op_cases.functions()
every_op = pytest.mark.parametrize("case", OPS, ids=str)
every_function = pytest.mark.parametrize("case", FUNCTIONS, ids=str)
every_dtype = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
FEW = ("contiguous", "transposed", "sliced_2d", "expanded", "empty_transposed", "scalar")


def test_every_op_has_a_case():
    assert {case.op for case in OPS} == set(hatact.ops.SCHEMAS)
    assert len({str(case) for case in OPS}) == len(OPS)


def in_layouts(layouts, cases=OPS):
    """Every case in those of the layouts that it takes."""
    shapes = {name: LAYOUTS[name](torch.empty(POOL, device="meta")).shape for name in layouts}
    pairs = [(case, n) for case in cases for n in layouts if case.takes(shapes[n])]
    ids = [f"{case}-{name}" for case, name in pairs]
    return pytest.mark.parametrize(("case", "layout"), pairs, ids=ids)


def _main(case: OpCase, dtype: torch.dtype, layout: str, device: str) -> torch.Tensor:
    """The main tensor, a view of a pool that nothing else sees."""
    return LAYOUTS[layout](case.pool(dtype).to(device))


def _companions(case: OpCase, arguments) -> list[int]:
    """Where there is another tensor of the main one's shape, as a cotangent is."""
    shape = arguments[case.main].shape
    tensors = [i for i, a in enumerate(arguments) if isinstance(a, torch.Tensor) and i != case.main]
    return [i for i in tensors if arguments[i].shape == shape]


ACCOMPANIED = [c for c in OPS if _companions(c, c.arguments(torch.ones(4, 3)))]


@in_layouts(LAYOUTS)
@every_dtype
def test_layouts(place, case, dtype, layout):
    """Values, strides, arguments that keep their values; what lies between elements, too."""
    if place.interpreted and layout not in FEW:
        pytest.skip("60 ms a call")
    x = _main(case, dtype, layout, place.device)
    arguments = case.arguments(x)
    if case.writes and layout in SHARED:
        with pytest.raises(ERRORS, match="elements do not share memory"):
            case.call(arguments)
        return
    dense = mapped(lambda t: t.clone(memory_format=torch.contiguous_format), arguments)
    got = case.check(arguments)
    if case.strides == "like" and not case.writes:
        assert same_layout(got[0], x)
    if case.writes:
        pool, touched = case.pool(dtype).to(place.device), torch.zeros(POOL, dtype=torch.bool)
        LAYOUTS[layout](touched).fill_(True)
        now = x.as_strided((POOL,), (1,), 0)
        assert same_bits(now[~touched], pool[~touched]), "written beside x"
    if case.pointwise:
        torchs_sums = "sums" if place.backend == "reference" else None  # in another order
        for i, (a, b) in enumerate(zip(got, case.call(dense), strict=True)):
            same = case.kind(i) == torchs_sums or same_bits_or_bytes(a, b)
            assert same, "another layout, other bits"


@in_layouts(["contiguous", "transposed", "sliced_2d", "channels_last"], ACCOMPANIED)
@every_dtype
def test_companions_of_other_layouts(place, case, dtype, layout):
    """Dense, flipped, of stride 0, whatever the main tensor's strides."""
    if place.interpreted and layout != "transposed":
        pytest.skip("60 ms a call")
    arguments = list(case.arguments(_main(case, dtype, layout, place.device)))
    for i in _companions(case, arguments):
        for name, g in views(arguments[i]).items():
            given = [*arguments[:i], g, *arguments[i + 1 :]]
            got = case.check(given)
            given[i] = g.contiguous()
            for j, (a, b) in enumerate(zip(got, case.call(given), strict=True)):
                assert case.kind(j) == "sums" or same_bits_or_bytes(a, b), name


@every_dtype
@every_op
def test_sizes(place, case, dtype):
    """Every remainder of a vector loop, of a group and of a tile of rows."""
    most = 1025
    pool = case.pool(dtype, 3 * most).to(place.device)

    def arguments(n):
        x = (pool[:n] if case.least == 0 else pool.view(most, 3)[:n]).clone()
        return case.arguments(x)

    whole = case.check(arguments(most))[0]
    for n in (1, 31) if place.interpreted else (*range(1, 34), 63, 64, 65, 1023, 1024):
        if case.pointwise and not _companions(case, arguments(n)):
            assert same_bits(case.call(arguments(n))[0], whole[:n]), f"{n} elements"
        else:
            case.check(arguments(n))


CORNERS = {"NaN": torch.nan, "inf": torch.inf, "-inf": -torch.inf, "-0.0": -0.0, "largest": None}


@pytest.mark.parametrize("corner", CORNERS)
@every_dtype
@every_op
def test_a_corner_stays_alone(place, case, dtype, corner):
    """What is odd shows where it is, as in the reference, and nowhere else."""
    if place.interpreted and corner not in ("NaN", "inf"):
        pytest.skip("60 ms a call")
    n = 40
    pool = case.pool(dtype, 3 * n)
    x = (pool[:n] if case.least == 0 else pool.view(n, 3)).to(place.device)
    odd = x.clone()
    value = CORNERS[corner]
    odd[(7,) + (0,) * (x.dim() - 1)] = torch.finfo(dtype).max / 4 if value is None else value
    arguments = list(case.arguments(x))
    others = [i for i in range(n) if i != 7]
    clean = case.call(mapped(torch.clone, arguments))[0][others]
    arguments[case.main] = odd
    if case.op == "mlp_backward":  # what the forward kept is of the same x
        arguments = case.arguments(odd)
    want = case.reference(arguments)[0]
    got = case.call(arguments)[0]
    assert same_bits(got[others], clean)
    assert torch.equal(got.isnan(), want.isnan())
    assert torch.equal(got[7].isinf(), want[7].isinf())


@every_dtype
@every_op
def test_the_same_bits_on_any_number_of_threads(place, case, dtype):
    if place.backend != "extension" or place.device != "cpu":
        pytest.skip("one thread starts it, and the device does the rest")
    rows = 40_000 if case.pointwise and case.least == 0 else 2_000
    pool = case.pool(dtype, 3 * rows)
    x = pool[: 3 * rows - 1] if case.least == 0 else pool.view(rows, 3)
    arguments = case.arguments(x)
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(case.call(mapped(torch.clone, arguments)))
    for other in found[1:]:
        for a, b in zip(other, found[0], strict=True):
            assert same_bits_or_bytes(a, b), case.op


@in_layouts(["contiguous", "transposed", "sliced_2d", "channels_last", "empty_transposed"])
def test_opcheck(place, case, layout):
    """The op's schema, fake kernel and autograd registration."""
    if place.interpreted:
        pytest.skip("a traced call takes Triton's interpreter seconds")
    x = _main(case, torch.float32, layout, place.device)
    tests = ["test_autograd_registration", "test_faketensor"] if case.fake else []
    torch.library.opcheck(case.overload, case.arguments(x), test_utils=["test_schema", *tests])


TRACED = list({case.op: case for case in OPS[::-1] if case.fake}.values())


@pytest.mark.parametrize("grad", [False, True], ids=["plain", "grad"])
@pytest.mark.parametrize("case", TRACED, ids=str)
def test_opcheck_traced(place, case, grad):
    """What a trace of the op and of its backward gives is what it gives."""
    if place.interpreted:
        pytest.skip("a traced call takes Triton's interpreter seconds")
    if grad and not case.differentiable:
        pytest.skip("keeps nothing for a derivative")
    if not place.default:
        pytest.skip("what is traced is the same for every backend")
    torch.compiler.reset()
    arguments = list(case.arguments(_main(case, torch.float32, "transposed", place.device)))
    arguments[case.main] = arguments[case.main].detach().clone().requires_grad_(grad)
    torch.library.opcheck(case.overload, arguments, test_utils=["test_aot_dispatch_dynamic"])


@pytest.mark.parametrize("dtype", NOT_FLOATS, ids=str)
@every_op
def test_dtypes_that_are_refused(place, case, dtype):
    x = case.pool(torch.float32, 12).view(4, 3).to(place.device)
    arguments = mapped(lambda t: t.to(dtype) if t.dtype == torch.float32 else t, case.arguments(x))
    before = arguments[case.main].clone()
    rule = "must be float16, bfloat16, float32 or float64; got|not implemented for 'Bool'"
    with pytest.raises(ERRORS, match=rule):  # the other is torch's own, of a product
        case.call(arguments)
    assert torch.equal(arguments[case.main], before)


@in_layouts(LAYOUTS, [case for case in OPS if case.fake])
def test_meta_tensors_have_the_shapes_of_real_ones(case, layout):
    if case.writes and layout in SHARED:
        pytest.skip("not to be written to")
    x = _main(case, torch.float32, layout, "cpu")
    arguments = case.arguments(x)
    shadows = mapped(lambda t: t.to("meta"), arguments)
    shadows[case.main] = torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="meta")
    for a, b in zip(case.call(shadows), case.call(arguments), strict=True):
        assert (a.shape, a.stride(), a.dtype) == (b.shape, b.stride(), b.dtype)
        assert a.is_meta


@every_op
def test_raw_ops_refuse_transforms(place, case):
    """They have no rule for them: an error, never silent zeros."""
    if case.op.startswith("_"):
        pytest.skip("called by the Functions alone, below autograd")
    arguments = list(case.arguments(case.pool(torch.float64, 6).view(2, 3).to(place.device)))

    def f(x):
        clone = x.clone() if case.writes else x
        return case.call([*arguments[: case.main], clone, *arguments[case.main + 1 :]])[0].sum()

    x = arguments[case.main]
    for transform in (lambda: grad(f)(x), lambda: jvp(f, (x,), (torch.ones_like(x),))):
        with pytest.raises(RuntimeError, match=rf"hatact.{case.op} has no rule for torch.func"):
            transform()


# ---- functions


def _total(f):
    return lambda *tensors: f(*tensors).square().sum()


def _first(f):
    """The function of the first tensor, the others as they are."""
    return lambda tensors: lambda x: f(x, *tensors[1:])


def _rows(f, tensors):
    return (0, *[None] * (len(tensors) - 1))


TRANSFORMS = {
    "grad": lambda f, ts: grad(_total(f), tuple(range(len(ts))))(*ts),
    "jacrev": lambda f, ts: jacrev(f, tuple(range(len(ts))))(*ts),
    "jacfwd": lambda f, ts: jacfwd(f, tuple(range(len(ts))))(*ts),
    "vjp": lambda f, ts: vjp(f, *ts)[1](torch.ones_like(f(*ts))),
    "jvp": lambda f, ts: jvp(f, ts, tuple(t + 1 for t in ts)),
    "vmap": lambda f, ts: vmap(f, _rows(f, ts))(*ts),
    "vmap(vmap)": lambda f, ts: vmap(vmap(f, _rows(f, ts)), _rows(f, ts))(
        torch.stack([ts[0], ts[0].flip(0)]), *ts[1:]
    ),
    "vmap(grad)": lambda f, ts: vmap(grad(_total(f)), _rows(f, ts))(*ts),
    "vmap of the last": lambda f, ts: vmap(f, (*[None] * (len(ts) - 1), 0))(
        *ts[:-1], torch.stack([ts[-1], ts[-1] * 0.9])
    ),
    "grad(vmap)": lambda f, ts: grad(lambda *a: vmap(f, _rows(f, ts))(*a).square().sum())(*ts),
    "hessian": lambda f, ts: hessian(lambda x: _total(f)(x, *ts[1:]))(ts[0]),
    "jacrev(jacrev)": lambda f, ts: jacrev(jacrev(_total(f), 0), len(ts) - 1)(*ts),
    "jacfwd(jacfwd)": lambda f, ts: jacfwd(jacfwd(_total(f), len(ts) - 1), 0)(*ts),
    "vmap(hessian)": lambda f, ts: vmap(hessian(_total(f)), _rows(f, ts))(*ts),
    "hvp": lambda f, ts: jvp(grad(_total(f), tuple(range(len(ts)))), ts, ts)[1],
    "grad(grad(grad))": lambda f, ts: vmap(
        lambda x: grad(
            lambda s: grad(lambda t: grad(lambda u: f(u * x, *ts[1:]).sum())(t))(s)
        )(torch.ones((), dtype=x.dtype, device=x.device))
    )(ts[0]),
}  # fmt: skip


def _close(got, expected):
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("transform", TRANSFORMS)
@every_function
def test_transforms(place, case, transform):
    """torch.func, against the same transform of plain torch operations."""
    if place.interpreted and transform not in ("grad", "jvp", "vmap"):
        pytest.skip("too many calls for Triton's interpreter")
    tensors, apply = case.tensors(place.device), TRANSFORMS[transform]
    _close(apply(case.function, tensors), apply(case.plain, tensors))


@every_function
def test_forward_mode(place, case):
    """Dual tensors, where the transforms of torch.func are not active."""
    tensors = case.tensors(place.device)
    found = []
    for f in (case.function, case.plain):
        with forward_ad.dual_level():
            duals = [forward_ad.make_dual(t, t.flip(0) + 1) for t in tensors]
            primal, tangent = forward_ad.unpack_dual(f(*duals))
            found.append((primal, tangent))
    _close(*found)


@every_function
def test_gradcheck(place, case):
    if place.interpreted:
        pytest.skip("too many calls for Triton's interpreter")
    tensors = [t.requires_grad_() for t in case.tensors(place.device)]
    fast = {"fast_mode": sum(t.numel() for t in tensors) > 60}
    both = {"check_batched_grad": True, **fast}
    assert gradcheck(case.function, tensors, check_forward_ad=True, **both)
    assert gradgradcheck(case.function, tensors, check_fwd_over_rev=True, **both)


@every_function
def test_frozen(place, case):
    """A gradient, and one of its own, for what needs one: every choice of three arguments."""
    tensors = case.tensors(place.device)
    some = sorted({0, 1, len(tensors) - 1} & set(range(len(tensors))))
    for needs in itertools.product([False, True], repeat=len(some)):
        leaves = [t.detach().clone() for t in tensors]
        for i, need in zip(some, needs, strict=True):
            leaves[i].requires_grad_(need)
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        assert case.function(*leaves).requires_grad == any(needs)
        found = []
        for f in (case.function, case.plain) if wanted else ():
            first = torch.autograd.grad(_total(f)(*leaves), wanted, create_graph=True)
            total = sum(g.square().sum() for g in first)
            found.append((*first, *torch.autograd.grad(total, wanted)))
        if wanted:
            _close(*found)


@every_function
def test_no_gradient_is_asked_for(place, case):
    tensors = [t.requires_grad_() for t in case.tensors(place.device)]
    y = case.function(*tensors).detach()
    with torch.no_grad():
        _close(case.function(*tensors), y)
        assert not case.function(*tensors).requires_grad
    with torch.inference_mode():
        _close(case.function(*tensors), y)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@every_function
def test_compiled(place, case):
    """In one graph, values and gradients."""
    if not place.default:
        pytest.skip("what is traced is the same for every backend")
    torch.compiler.reset()
    tensors = [t.requires_grad_() for t in case.tensors(place.device)]
    compiled = torch.compile(case.function, fullgraph=True, backend="aot_eager")
    y, want = compiled(*tensors), case.plain(*tensors)
    _close(y, want)
    _close(*(torch.autograd.grad(out.square().sum(), tensors) for out in (y, want)))
