"""Which backend serves a call: available_backends, use_backend and HATACT_BACKEND."""

import os
import subprocess
import sys
import threading

import pytest
import torch

import hatact
from hatact import HAT, ops, reference
from hatact.backends import triton
from tests.support.places import PLACES

UNAVAILABLE = [n for n, b in hatact.available_backends().items() if not b.available]
CPU = [place.backend for place in PLACES if place.device == "cpu"]


@pytest.fixture
def reference_calls(monkeypatch):
    """The number of calls that the reference served, counted in a list."""
    calls = []
    kernel, decode = reference.ppoly, reference.ppoly_decode
    monkeypatch.setattr(reference, "ppoly", lambda *args: calls.append(1) or kernel(*args))
    counted = lambda *args: calls.append(1) or decode(*args)  # noqa: E731
    monkeypatch.setitem(ops._REFERENCE, "ppoly_decode", counted)
    return calls


def _served_by_reference(calls, device="cpu"):
    calls.clear()
    torch.ops.hatact.ppoly(torch.ones(3, device=device), None, *HAT.numbers)
    return bool(calls)


def test_available_backends():
    found = hatact.available_backends()
    assert list(found) == ["extension", "triton", "reference"]
    assert found["reference"].devices == ("cpu", "cuda")
    for name, backend in found.items():
        assert backend.name == name
        assert backend.available == bool(backend.devices)
        assert set(backend.devices).isdisjoint(backend.reasons)
        assert {*backend.devices, *backend.reasons} == {"cpu", "cuda"}
        assert all(backend.reasons.values()), "a reason is stated"
    found.clear()
    assert hatact.available_backends(), "a copy"


def test_the_forced_backend_serves(place, reference_calls):
    assert ops.current_backend(place.device) == place.backend
    served = _served_by_reference(reference_calls, place.device)
    assert served == (place.backend == "reference")


@pytest.mark.parametrize("outer", CPU)
@pytest.mark.parametrize("inner", CPU)
def test_the_inner_backend_wins(outer, inner, reference_calls):
    with hatact.use_backend(outer):
        with hatact.use_backend(inner):
            assert ops.current_backend("cpu") == inner
            assert _served_by_reference(reference_calls) == (inner == "reference")
        assert ops.current_backend("cpu") == outer
        assert _served_by_reference(reference_calls) == (outer == "reference")
    default = ops.current_backend("cpu")
    assert _served_by_reference(reference_calls) == (default == "reference")


def test_an_exception_restores(reference_calls):
    before = ops.current_backend("cpu")

    def fail():
        with hatact.use_backend("reference"):
            assert _served_by_reference(reference_calls)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert ops.current_backend("cpu") == before
    assert _served_by_reference(reference_calls) == (before == "reference")


def test_unknown_names():
    before = ops.current_backend("cpu")
    for name in ("cuda", "", "Reference", None):
        with (
            pytest.raises(ValueError, match=f"must be one of .*reference; got {name!r}"),
            hatact.use_backend(name),
        ):
            pass
    assert ops.current_backend("cpu") == before


@pytest.mark.skipif(not UNAVAILABLE, reason="every backend is available here")
def test_unavailable_backends_say_why():
    for name in UNAVAILABLE:
        reason = hatact.available_backends()[name].reasons["cpu"]
        with (
            pytest.raises(RuntimeError, match="must be available here") as error,
            hatact.use_backend(name),
        ):
            pass
        assert reason in str(error.value)
        assert name in str(error.value)


@pytest.mark.parametrize("name", hatact.available_backends())
def test_a_device_that_the_forced_backend_cannot_serve(name, monkeypatch):
    """As on a GPU machine whose Triton serves CUDA tensors alone."""
    here = hatact.available_backends()[name]
    elsewhere = ops.Backend(name, ("cuda",), {**here.reasons, "cpu": "a test says so"})
    monkeypatch.setitem(ops._BACKENDS, name, elsewhere)
    says = f"backend '{name}' is forced and cannot serve cpu tensors: a test says so"
    with hatact.use_backend(name), pytest.raises(RuntimeError, match=says):
        torch.ops.hatact.ppoly(torch.ones(2), None, *HAT.numbers)


def test_it_holds_in_other_threads(reference_calls):
    """Autograd runs backward on threads of its own, so the choice belongs to the process."""
    seen = []

    def work():
        seen.append(ops.current_backend("cpu"))
        x = torch.ones(3, requires_grad=True)
        hatact.functional.hat(x).sum().backward()

    with hatact.use_backend("reference"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == ["reference"]
    assert len(reference_calls) == 2, "forward and backward"


def _run(code: str, backend: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "HATACT_BACKEND": backend}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


CALL = """
import torch, hatact
from hatact import ops
print("imported")
x = torch.tensor([0.5, 1.5, 3.0], requires_grad=True)
y = hatact.functional.hat(x)
y.sum().backward()
print(ops.current_backend("cpu"), y.tolist(), x.grad.tolist())
"""


@pytest.mark.parametrize("name", CPU)
def test_environment(name):
    done = _run(CALL, name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[1] == f"{name} [0.5, 0.5, 0.0] [1.0, -1.0, 0.0]"


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [("fastest", "ValueError", "HATACT_BACKEND: the backend must be one of")]
    + [
        (n, "RuntimeError", f"HATACT_BACKEND: the backend must be available here; got '{n}'")
        for n in UNAVAILABLE
    ],
)
def test_a_wrong_environment_is_an_error_at_the_first_call(name, error, says):
    done = _run(CALL, name)
    assert done.returncode != 0
    assert done.stdout.strip() == "imported"
    assert error in done.stderr
    assert says in done.stderr


def test_use_backend_inside_an_environment_choice():
    code = """
import torch, hatact
from hatact import ops, reference
calls = []
kernel = reference.ppoly
reference.ppoly = lambda *args: calls.append(1) or kernel(*args)
def served():
    calls.clear()
    torch.ops.hatact.ppoly(torch.ones(2), None, *hatact.HAT.numbers)
    return bool(calls)
for name in NAMES:
    with hatact.use_backend(name):
        assert served() == (name == "reference"), name
    assert served() and ops.current_backend("cpu") == "reference"
"""
    done = _run(f"NAMES = {CPU!r}\n{code}", "reference")
    assert done.returncode == 0, done.stderr


def test_blocks_that_end_in_another_order():
    """As threads do: the block that began last serves until it ends."""
    first, second = hatact.use_backend("reference"), hatact.use_backend("extension")
    if "cpu" not in hatact.available_backends()["extension"].devices:
        pytest.skip("needs two backends")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert ops.current_backend("cpu") == "extension"
    second.__exit__(None, None, None)
    assert ops.current_backend("cpu") == ops.default_backend("cpu")


def test_what_the_extension_lacks_on_cuda_is_tritons(monkeypatch):
    """And is refused where the extension is forced: never the reference unasked."""
    both = {
        name: ops.Backend(name, ("cpu", "cuda"), {})
        for name in ("extension", "triton", "reference")
    }
    monkeypatch.setattr(ops, "_BACKENDS", both)
    lacks = {"triangle_cascade", "triangle_cascade_backward"}
    composes = {"mlp_forward", "mlp_backward"}
    assert set(ops._default_kernels("cuda")) == lacks | composes
    assert ops._default_kernels("cuda")["triangle_cascade"] is triton.OPS["triangle_cascade"]
    assert ops._default_kernels("cpu") == {}
    forced = ops._forced_kernels("extension", "cuda")
    assert set(forced) == lacks | composes
    assert {forced[op] for op in composes} == {ops._mlp_forward, ops._mlp_backward}
    with pytest.raises(RuntimeError, match="'extension' is forced and has no cuda kernel"):
        forced["triangle_cascade"]()
    assert ops._forced_kernels("extension", "cpu") == {}
