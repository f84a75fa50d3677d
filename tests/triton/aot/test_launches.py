"""Every launch that may be chosen on Hopper, compiled ahead of time: races, spills, copies.

Of each activation, width and dtype with `--torch all`; else of a few, in which each launch occurs.
"""

from itertools import product

import pytest

from tests.support.children import compiled, needs_triton

CASES = (  # of the network: activation/width/dtype/bias
    "mlp/bspline3/32/fp16/bias",
    "mlp/bspline3/64/bf16/bias",
    "mlp/hat/32/fp32/bias",
    "mlp/hat/64/fp32/bias",
    "mlp/bw_relu/100/fp16/-",
    "mlp/bspline3/256/bf16/bias",
    "linear/hat/bf16",
    "linear/bw_relu/fp32",
)

WIDTHS = (16, 32, 64, 100, 128, 256)
WHOLE = tuple(
    f"mlp/{activation}/{width}/{dtype}/bias"
    for activation, width, dtype in product(
        ("hat", "bw_relu", "bspline3"), WIDTHS, ("bf16", "fp32")
    )
    if (width, dtype) != (256, "fp32")  # which runs layer by layer
)

pytestmark = [pytest.mark.aot, needs_triton]


@pytest.fixture(scope="module")
def cases(request) -> tuple[str, ...]:
    return (*CASES, *WHOLE) if request.config.option.torch == "all" else CASES


@pytest.fixture(scope="module")
def figures(cases, tmp_path_factory) -> dict[str, dict]:
    return compiled("compiled_launches", *cases, cache=tmp_path_factory.mktemp("triton"))


def test_no_launch_races(cases, figures):
    """Whatever is in flight: no product's operand is overwritten, nothing is read too early."""
    assert {case for case in cases if any(key.startswith(case) for key in figures)} == {*cases}
    assert {key: found["races"] for key, found in figures.items() if found["races"]} == {}


def test_no_launch_spills(figures):
    assert {key: found["spilled"] for key, found in figures.items() if found["spilled"]} == {}


def test_three_stages_have_copies_on_their_way_during_products(figures):
    deep = {
        key: found["groups of copies in flight"]
        for key, found in figures.items()
        # 16 × 16 half numbers are less than a copy of 4 bytes for each of 256 threads.
        if "3)" in key and not ("/16/bf16/" in key and "(256" in key)
    }
    assert any("forward" in key for key in deep)
    assert min(deep.values()) >= 1
