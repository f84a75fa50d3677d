"""README's example runs as it stands."""

import re

import torch

from tests.support.repository import ROOT

README = ROOT / "README.md"


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert isinstance(names["y"], torch.Tensor)
    assert names["act"](torch.tensor([0.5, 1.5, 2.5, 9.0])).tolist() == [0.5, 1.0, 0.5, 0.0]
