"""An object store that fails on request."""

import pytest

from quickdraw_kit.storage.retry import RetryPolicy
from tests.shards.flaky import Flaky

QUICK = RetryPolicy(attempts=8, first_wait=0.01, max_wait=0.04)


@pytest.fixture
def flaky(s3_server, s3, monkeypatch):
    """A proxy before the server that fails on request, and drivers that do not retry."""
    import s3fs

    proxy = Flaky(s3_server)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    monkeypatch.setattr("quickdraw_kit.storage.store.DEFAULT_RETRY_POLICY", QUICK)
    s3fs.S3FileSystem.clear_instance_cache()
    yield proxy
    proxy.close()
