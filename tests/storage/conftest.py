"""A web server, as the tests of downloads have it."""

from tests.acquire.conftest import _no_settings, bucket, data_home

__all__ = ["_no_settings", "bucket", "data_home"]
