"""Functions of one variable, taught to many networks at once from batches of points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from hatact.baselines.training import mean_squares, minimise


class Lessons:
    """F functions taught to F·S networks, one a function and seed, and the errors while they learn.

    A column belongs to a network: the seeds of the first function, then those of the next. What is
    taught takes (N, F·S) to (N, F·S) and keeps columns apart, as `ReLUNets`,
    `ReadOut` and :class:`hatact.nn.TriangleCascade` do. Training is Adam's on the mean
    squared error. An epoch is one pass over the points in batches or, where they are no more than
    a batch, `repeats` updates on all of them. The order is drawn by the seed: one seed's networks
    see the same points in the same order, whatever the others learn.

    Args:
        functions: each elementwise, of tensors of any shape.
        points: by a name, (N); the first are those trained on, the error is measured at all.
        seeds: S of them.
        batch: points an update.
        repeats: updates an epoch where the points are no more than a batch.

    Attributes:
        measured: by name of the points, x and y, (N, F·S).
        history: by name, the mean squared errors after every epoch, (F·S) float64 each.

    Raises:
        ValueError: for no function, no points (of a name too) or no seed, or a batch or repeats
            below 1.
    """

    def __init__(
        self,
        functions: Sequence[Callable[[Tensor], Tensor]],
        points: Mapping[str, Tensor],
        seeds: Sequence[int],
        batch: int = 50,
        repeats: int = 10,
    ) -> None:
        if not (functions and points and seeds):
            raise ValueError(
                "lessons need a function, points and a seed; got "
                f"{len(functions)}, {len(points)} and {len(seeds)} of them"
            )
        if min(batch, repeats, *(len(x) for x in points.values())) < 1:
            sizes = {name: len(x) for name, x in points.items()}
            raise ValueError(
                "batch, repeats and the number of points of every name must be at least 1; "
                f"got {batch}, {repeats} and {sizes}"
            )
        self.functions, self.seeds = tuple(functions), tuple(seeds)
        self.batch, self.repeats = batch, repeats
        self.measured = {name: self._with_values(x) for name, x in points.items()}
        self.history: dict[str, list[Tensor]] = {name: [] for name in points}
        self._taught = next(iter(self.measured.values()))
        self._orders = self._drawn()

    def columns(self, x: Tensor) -> Tensor:
        """Points for every network: (N) → (N, F·S)."""
        return x[:, None].expand(-1, len(self.functions) * len(self.seeds)).contiguous()

    def _with_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        columns = self.columns(x)
        parts = zip(self.functions, columns.split(len(self.seeds), 1), strict=True)
        return columns, torch.cat([f(part) for f, part in parts], 1)

    def _drawn(self) -> Iterator[Tensor]:
        """Indices of the points in the order of an epoch, (N or N·repeats, F·S)."""
        x, _ = self._taught
        generators = [torch.Generator().manual_seed(seed) for seed in self.seeds]
        every = torch.arange(len(x), device=x.device).repeat(self.repeats)[:, None]
        while True:
            if len(x) <= self.batch:
                yield every.expand(-1, x.shape[1])
            else:
                orders = [torch.randperm(len(x), generator=g) for g in generators]
                yield torch.stack(orders, 1).repeat(1, len(self.functions)).to(x.device)

    def learn(
        self,
        model: nn.Module,
        epochs: int,
        lr: float,
        advance: Callable[[int], None] = lambda epochs: None,
    ) -> None:
        """Train for `epochs` at the rate `lr` with a fresh optimiser; the order goes on.

        `advance` is told of every epoch as 1.
        """
        x, y = self._taught

        def residuals() -> Iterator[Tensor]:
            for _ in range(epochs):
                for part in next(self._orders).split(min(self.batch, len(x))):
                    yield model(x.gather(0, part)) - y.gather(0, part)
                for name, columns in self.measured.items():
                    self.history[name].append(mean_squares(model, *columns))
                advance(1)

        minimise(model, residuals(), lr)
