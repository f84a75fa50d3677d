"""Prints a digest of what each op and its backward make, on the CPU, for the same numbers."""

import hashlib
import json

import torch

import hatact
from hatact import functional as F
from hatact.activations import registry

SIZE = 4099


def numbers(dtype: torch.dtype, *shape: int) -> torch.Tensor:
    """From −4 to 4, without a period in sight."""
    count = torch.Size(shape).numel()
    x = torch.arange(count, dtype=torch.float64) * 0.7548776662466927 % 8 - 4
    return x.reshape(shape).to(dtype).requires_grad_()


def digest(*tensors: torch.Tensor) -> str:
    bits = b"".join(bytes(t.detach().contiguous().view(torch.uint8).numpy()) for t in tensors)
    return hashlib.sha256(bits).hexdigest()[:16]


def values() -> dict[str, str]:
    torch.set_num_threads(1)
    found = {}
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        for name, spec in registry().items():
            x, g = numbers(dtype, SIZE), numbers(dtype, SIZE).detach().flip(0)
            y = F.piecewise(x, spec)
            found[f"{name}, {dtype}"] = digest(y, *torch.autograd.grad(y, x, g))
        net = hatact.nn.MLP(2, 32, 3, 4, hatact.HAT.scaled(8)).to(dtype)
        with torch.no_grad():
            for p in net.parameters():
                p.copy_(numbers(dtype, *p.shape) / 16)
        x = numbers(dtype, SIZE, 2)
        y = net(x)
        gradients = torch.autograd.grad(y.sum(), [x, *net.parameters()])
        found[f"MLP, {dtype}"] = digest(y, *gradients)
    x = (numbers(torch.float32, SIZE, 3).detach() / 8 + 0.5).requires_grad_()
    peaks = torch.tensor([[0.3, 0.6], [0.4, 0.5], [0.7, 0.2]], requires_grad=True)
    y = F.triangle_cascade(x, peaks, torch.ones(3, 2))
    found["triangle cascade"] = digest(y, *torch.autograd.grad(y.sum(), [x, peaks]))
    return found


if __name__ == "__main__":
    print(json.dumps(values()))
