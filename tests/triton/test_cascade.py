"""How the Triton backend shares out a triangle cascade's elements."""

import pytest

from hatact.backends._triton_cascade import partition


@pytest.mark.parametrize("elements", [128, 512])
@pytest.mark.parametrize("channels", [1, 3, 33, 64, 100_000])
@pytest.mark.parametrize("rows", [1, 33, 1025, 1 << 20, 1 << 31])
def test_partition_covers_every_row_and_channel_once(rows, channels, elements):
    p = partition(rows, channels, elements)
    assert p.rows * p.channels == elements
    assert (p.programs - 1) * p.steps * p.rows < rows <= p.programs * p.steps * p.rows
    assert (p.blocks - 1) * p.channels < channels <= p.blocks * p.channels
    assert p.programs * p.blocks <= 4096 + p.blocks


def test_partition_of_a_million():
    # 8192 tiles: 1024 programs of 8. Far fewer elements: a program for every tile.
    assert partition(1 << 20, 1, 128) == (128, 1, 8, 1024, 1)
    assert partition(1 << 14, 64, 128) == (4, 32, 8, 512, 2)
    assert partition(1025, 3, 128) == (32, 4, 1, 33, 1)
