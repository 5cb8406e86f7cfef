"""An S3 server on this machine, for the tests of object stores."""

import socket

import pytest

from quickdraw_kit.storage.retry import RetryPolicy
from tests.shards.flaky import Flaky

QUICK = RetryPolicy(attempts=8, first_wait=0.01, max_wait=0.04)


@pytest.fixture(scope="session")
def s3_server():
    """The URL of the server."""
    moto = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = moto.ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """A bucket, and the environment variables with which drivers use it."""
    import fsspec
    import s3fs

    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_server,
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    system = fsspec.filesystem("s3")
    if not system.exists("shelf"):
        system.mkdir("shelf")
    yield "s3://shelf"
    s3fs.S3FileSystem.clear_instance_cache()


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
