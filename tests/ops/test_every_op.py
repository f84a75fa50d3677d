"""Every op of every family: layouts, dtypes, sizes, corners, threads, opcheck, refusals.

What a family states of its ops is in its op_cases.py; what is tested of them is here.
"""

from __future__ import annotations

import pytest
import torch
from torch.func import grad, jvp, vmap

import hatact
from tests.support import op_cases
from tests.support.bad_input import ERRORS, NOT_FLOATS
from tests.support.layouts import LAYOUTS, POOL, SHARED, same_bits, same_layout, views
from tests.support.op_cases import OpCase, assert_near, mapped, same_bits_or_bytes
from tests.support.places import DTYPES

OPS = op_cases.ops()
every_op = pytest.mark.parametrize("case", OPS, ids=str)
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
def test_layouts(place, case, layout):
    """Values, strides, arguments that keep their values; what lies between elements, too."""
    if place.interpreted and layout not in FEW:
        pytest.skip("60 ms a call")
    for dtype in place.dtypes:
        _in_layout(place, case, dtype, layout)


def _in_layout(place, case: OpCase, dtype: torch.dtype, layout: str) -> None:
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

    whole = case.check(arguments(most))
    for n in (1, 31) if place.interpreted else (*range(1, 34), 63, 64, 65, 1023, 1024):
        if len(whole) == 1 and case.pointwise and not _companions(case, arguments(n)):
            assert same_bits(case.call(arguments(n))[0], whole[0][:n]), f"{n} elements"
        else:
            case.check(arguments(n))


CORNERS = {"NaN": torch.nan, "inf": torch.inf, "-inf": -torch.inf, "-0.0": -0.0, "largest": None}


@pytest.mark.parametrize("corner", CORNERS)
@every_op
def test_a_corner_stays_alone(place, case, corner):
    """What is odd shows where it is, as in the reference, and nowhere else."""
    if place.interpreted and corner not in ("NaN", "inf"):
        pytest.skip("60 ms a call")
    for dtype in place.dtypes:
        _with_corner(place, case, dtype, CORNERS[corner])


def _with_corner(place, case: OpCase, dtype: torch.dtype, value: float | None) -> None:
    n = 40
    pool = case.pool(dtype, 3 * n)
    x = (pool[:n] if case.least == 0 else pool.view(n, 3)).to(place.device)
    odd = x.clone()
    if value is None:
        value = case.largest or torch.finfo(dtype).max / 4
    odd[(7,) + (0,) * (x.dim() - 1)] = value
    arguments = list(case.arguments(x))
    others = [i for i in range(n) if i != 7]
    clean = case.call(mapped(torch.clone, arguments))[0][others]
    arguments[case.main] = odd
    if case.op == "mlp_backward":  # what the forward kept is of the same x
        arguments = case.arguments(odd)
    plain, exact = case.reference(arguments), case.reference(arguments, torch.float64)
    got = case.call(arguments)
    assert same_bits(got[0][others], clean)
    for i, (y, same, wide) in enumerate(zip(got, plain, exact, strict=True)):
        if case.pointwise or i == 0:
            assert_near(y, same, wide, case.kind(i), f"result {i} of {case}")


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


@in_layouts([*FEW, "channels_last"], [case for case in OPS if case.fake])
def test_opcheck(place, case, layout):
    """The op's schema, fake kernel and autograd registration."""
    if place.interpreted:
        pytest.skip("a traced call takes Triton's interpreter seconds")
    if case.writes and layout in SHARED:
        pytest.skip("not to be written to")
    arguments = case.arguments(_main(case, torch.float32, layout, place.device))
    tests = "test_schema", "test_autograd_registration", "test_faketensor"
    torch.library.opcheck(case.overload, arguments, test_utils=tests)


@pytest.mark.parametrize("case", [case for case in OPS if not case.fake], ids=str)
def test_schema(place, case):
    """What autograd alone calls, never on fake tensors, keeps to its schema."""
    arguments = case.arguments(_main(case, torch.float32, "transposed", place.device))
    torch.library.opcheck(case.overload, arguments, test_utils=["test_schema"])


def _traced():
    """Each case once, and each op in other layouts too: half a second each."""
    fake = [case for case in OPS if case.fake]
    of_each_op = list({case.op: case for case in fake}.values())
    others = [(case, n) for case in of_each_op for n in ("contiguous", "sliced_2d", "empty")]
    pairs = [(case, "transposed") for case in fake] + others
    return [p for p in pairs if p[1] != "empty" or not p[0].channels]


# torch 2.15 reads it, and hides the warning in a way that pytest's errors do not see.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize(("case", "layout"), _traced(), ids=str)
def test_opcheck_traced(place, case, layout):
    """A trace of the op, and of its backward by every tensor, gives what the op gives."""
    if place.interpreted:
        pytest.skip("a traced call takes Triton's interpreter seconds")
    if not place.default:
        pytest.skip("what is traced is the same for every backend")
    torch.compiler.reset()
    arguments = case.arguments(_main(case, torch.float32, layout, place.device))

    def leaf(t):
        return t.detach().requires_grad_() if t.is_floating_point() else t

    if case.differentiable:
        arguments = mapped(leaf, arguments)
    torch.library.opcheck(case.overload, arguments, test_utils=["test_aot_dispatch_dynamic"])


@pytest.mark.parametrize("dtype", NOT_FLOATS, ids=str)
@every_op
def test_dtypes_that_are_refused(place, case, dtype):
    x = case.pool(torch.float32, 12).view(4, 3).to(place.device)
    arguments = mapped(lambda t: t.to(dtype) if t.dtype == torch.float32 else t, case.arguments(x))
    before = arguments[case.main].clone()
    rule = "must be float16, bfloat16, float32 or float64; got"
    rule += f"|not implemented for '{NOT_FLOATS[dtype]}'"
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
    for transform in (
        lambda: grad(f)(x),
        lambda: jvp(f, (x,), (torch.ones_like(x),)),
        lambda: vmap(grad(f))(x),
    ):
        with pytest.raises(RuntimeError, match=rf"no rule for torch.func .*hatact.{case.op} under"):
            transform()
