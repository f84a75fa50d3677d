"""`hatact info`: what is here, what is not and why, and what is set wrong."""

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

from hatact import ops
from tests.support.command import call


def test_info_says_what_is_here_and_what_is_not():
    result = call("info")
    assert result.exit_code == 0
    for word in ("hatact", "torch", "extension", "triton", "reference", "bw_relu", "nvcc", "CUDA"):
        assert word in result.output
    for backend in ops.available_backends().values():
        for reason in backend.reasons.values():
            assert reason.split()[0] in result.output


def test_a_wrong_backend_variable(made, tmp_path, monkeypatch):
    wrong = ValueError("HATACT_BACKEND: the backend must be one of …; got 'fast'")
    monkeypatch.setattr(ops, "_forced", [ops._Choice(wrong)])
    result = call("verify", "--out", tmp_path)
    assert result.exit_code == 2
    assert "got 'fast'" in result.output
    info = call("info")
    assert info.exit_code == 0
    assert "got 'fast'" in info.output
