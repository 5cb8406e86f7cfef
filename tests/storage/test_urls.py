"""Which locations are paths of this machine, and what of a URL may be shown."""

from pathlib import Path

import pytest

from quickdraw_kit.errors import UsageError
from quickdraw_kit.storage.urls import is_http_url, parse_location, path_from_url, redact


@pytest.mark.parametrize("path", ["shards", "C:/shards", "/a/b", "./x", "a:b", "a::b"])
def test_a_path_is_a_path(path):
    assert parse_location(path) == parse_location(Path(path)) == Path(path)


@pytest.mark.parametrize("url", ["s3://bucket/a b", "memory:///x", "https://h/?q", "odd::x://y"])
def test_a_url_is_returned_as_it_is(url):
    assert parse_location(url) == url


@pytest.mark.parametrize("name", ["shards", "a b", "a%20b#c?d=1", "ünï✓", "a://b"])
def test_a_file_url_is_a_path(tmp_path, name):
    assert parse_location((tmp_path / name).as_uri()) == tmp_path / name
    assert parse_location(f"FILE://localhost{(tmp_path / name).as_uri()[7:]}") == tmp_path / name


def test_a_file_url_with_unescaped_characters():
    assert parse_location("file:///data/a b#c?d") == Path("/data/a b#c?d")


@pytest.mark.parametrize("url", ["s3://", "memory://", "gs:///", "https://", "://", "://bucket/x"])
def test_a_url_without_a_bucket_is_refused(url):
    with pytest.raises(UsageError, match="is not a location: expected one such as s3://"):
        parse_location(url)


@pytest.mark.parametrize("url", ["file://", "file://data", "file://data/out", "local://out/x"])
def test_a_file_url_of_another_machine_is_refused(url):
    with pytest.raises(UsageError, match="is not a path of this machine: expected three slashes"):
        parse_location(url)


@pytest.mark.parametrize(
    ("url", "redacted", "path"),
    [
        ("https://me:secret@h:8/a/cat.bin", "https://h:8/a/cat.bin", "https:/h:8/a/cat.bin"),
        ("http://token@h/cat.bin", "http://h/cat.bin", "http:/h/cat.bin"),
        ("http://h/a%20b.bin?X-Amz-Signature=0&b", "http://h/a%20b.bin?...", "http:/h/a b.bin"),
        ("http://me:s@[::1]:8?token=0", "http://[::1]:8?...", "http:/[::1]:8"),
        ("http://h/cat@home.bin#0", "http://h/cat@home.bin?...", "http:/h/cat@home.bin"),
        ("ftp://me:sec@ret@h/cat.bin", "ftp://h/cat.bin", "ftp:/h/cat.bin"),
        ("abfs://box@account/cat.bin", "abfs://box@account/cat.bin", "abfs:/box@account/cat.bin"),
        ("s3://b/a?b=1&c#d@e%20.bin", "s3://b/a?b=1&c#d@e%20.bin", "s3:/b/a?b=1&c#d@e%20.bin"),
        ("/data/me:x@h?.bin", "/data/me:x@h?.bin", "/data/me:x@h?.bin"),
    ],
)
def test_redact(url, redacted, path):
    assert redact(url) == redact(redacted) == redacted
    assert path_from_url(url).as_posix() == path


def test_is_http_url():
    assert is_http_url("HTTPS://host/cat.ndjson")
    assert not is_http_url("s3://bucket/cat.ndjson")
    assert not is_http_url("http")
