"""The launches of a whole network's kernels, one by one: which are tried, and what each takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from hatact.backends import _triton_mlp as mlp
from hatact.backends._triton_tuning import Config, Launch

Call = Callable[[], object]
Choose = Callable[[str, Sequence[Config], Launch], Config | None]


@contextmanager
def chosen_by(choose: Choose) -> Iterator[None]:
    """In the block a function launches in the tuner's place: it gets a launch's key, what may be
    chosen, and the launch, and returns what it launched or None if nothing fits."""

    def launch_best(
        key: str, device: Any, configs: Sequence[Config], launch: Launch
    ) -> Config | None:
        return choose(key, configs, launch)

    with patch.object(mlp, "launch_best", launch_best):
        yield


def fits(launch: Launch, config: Config) -> bool:
    """Launches; whether the device could."""
    from triton.runtime.errors import OutOfResources

    try:
        launch(config)
    except OutOfResources:
        return False
    return True


def nth(n: int, unfit: set[str]) -> Choose:
    """Launches the n-th of what may be chosen, the last if there are fewer. If that does not fit
    the device, it is named in `unfit`, and the first that does is launched."""

    def choose(key: str, configs: Sequence[Config], launch: Launch) -> Config | None:
        wanted = configs[min(n, len(configs) - 1)]
        for config in (wanted, *configs):
            if fits(launch, config):
                return config
            if config == wanted:
                unfit.add(f"{tuple(config)} of {key.partition('/')[0]}")
        return None

    return choose


def most(of: Call) -> int:
    """Of how many launches one may be chosen, at most, in what a function calls."""
    counts = [1]

    def choose(key: str, configs: Sequence[Config], launch: Launch) -> Config | None:
        counts.append(len(configs))
        return next((c for c in configs if fits(launch, c)), None)

    with chosen_by(choose):
        of()
    return max(counts)
