"""A bucket per test, and a retry policy with short waits."""

import os
from pathlib import Path

import pytest

from quickdraw_kit.acquire.download import download
from quickdraw_kit.storage.retry import RetryPolicy
from tests.acquire.bucket import Bucket

QUICK = RetryPolicy(attempts=4, first_wait=0.01, max_wait=0.04, connect_timeout=5, read_timeout=0.4)


@pytest.fixture
def bucket():
    bucket = Bucket()
    yield bucket
    bucket.close()


@pytest.fixture
def data_home(tmp_path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def get(bucket, data_home):
    """Download from the bucket, in its official layout, into the data home."""

    def get(names, variant="simplified", **options):
        options = {"mirror": bucket.url, "data_home": data_home, "retry_policy": QUICK} | options
        return download(names, variant=variant, **options)

    return get


def content(size: int, seed: int = 1) -> bytes:
    """Random bytes, so that no two parts of a file are equal."""
    import numpy as np

    return np.random.default_rng(seed).bytes(size)


def visible(data_home: Path) -> dict[str, bytes]:
    """The files under their final names: what others see."""
    return {
        path.relative_to(data_home).as_posix(): path.read_bytes()
        for path in sorted(data_home.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def leftovers(data_home: Path) -> list[str]:
    """The names of partial files."""
    return sorted(
        path.name
        for path in data_home.rglob("*")
        if path.name.endswith((".partial", ".partial.json"))
    )


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in os.environ:
        ours = name.startswith("QUICKDRAW_KIT_") and name != "QUICKDRAW_KIT_REAL_DATA"
        if ours or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
