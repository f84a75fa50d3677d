"""Every launch that may be chosen on Hopper, compiled ahead of time: races in shared memory."""

import pytest

from tests.support.children import compiled, needs_triton

CASES = (  # of the network: activation/width/dtype/bias
    "mlp/hat/32/bf16/bias",
    "mlp/hat/64/bf16/bias",
    "mlp/hat/64/fp32/bias",
    "mlp/hat/64/fp32/-",
    "mlp/hat/100/fp16/-",
    "mlp/hat/256/bf16/bias",
    "linear/hat/bf16",
    "linear/hat/fp32",
)

pytestmark = [pytest.mark.aot, needs_triton]


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> dict[str, dict]:
    return compiled("compiled_launches", *CASES, cache=tmp_path_factory.mktemp("triton"))


def test_no_launch_races(figures):
    """Whatever is in flight: no product's operand is overwritten, nothing is read too early."""
    assert {case for case in CASES if any(key.startswith(case) for key in figures)} == {*CASES}
    assert {key: found["races"] for key, found in figures.items() if found["races"]} == {}
