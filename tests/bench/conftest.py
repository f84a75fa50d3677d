import pytest

from tests.support.fake_cuda import FakeCuda


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """torch.cuda as a fake: what is timed is what the fake's clock says."""
    from bench import graphs  # of which a copy of the package and its tests has none

    fake = FakeCuda()
    fake.install(monkeypatch)
    graphs._stream.cache_clear()
    yield fake
    graphs._stream.cache_clear()
