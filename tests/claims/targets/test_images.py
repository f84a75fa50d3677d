"""Images: what is never trained on."""

import torch

from hatact.analysis.images import pixel_grid
from hatact.claims.engine import Row
from hatact.claims.targets import images
from tests.support.labs import quiet


def test_held_out_pixels_are_never_used(monkeypatch):
    torch.manual_seed(0)
    image = torch.rand(8, 8)
    _, even = pixel_grid(8)
    other = torch.where(even.reshape(8, 8), image, torch.rand(8, 8))
    monkeypatch.setattr(images, "BANDS", (1, 3))
    pictures = {"one": image, "another": other}
    monkeypatch.setattr(images, "picture", lambda name, side: pictures[name])
    found = [images.train(Row("hat"), name, 25, (0, 1), "cpu", quiet) for name in pictures]
    for a, b in zip(*found, strict=True):
        assert a["steps"] == [0, 10, 20, 25]
        assert a["image"] == b["image"]
        assert a["train_psnr_by_step"] == b["train_psnr_by_step"]
        assert a["late_loss"] == b["late_loss"]
        assert a["held_out_psnr"] != b["held_out_psnr"]
        assert a["band_errors"] != b["band_errors"]
        assert len(a["band_errors_by_step"]) == len(a["held_out_psnr_by_step"]) == 4
        for key in ("train_psnr", "held_out_psnr", "band_errors"):
            assert a[key] == a[f"{key}_by_step"][-1]
        assert a["best_held_out_psnr"] == max(a["held_out_psnr_by_step"])
