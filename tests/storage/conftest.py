"""A web server and an S3 server, as the tests of downloads and of shards have them."""

from tests.acquire.conftest import _no_settings, bucket, data_home
from tests.shards.conftest import s3, s3_server

__all__ = ["_no_settings", "bucket", "data_home", "s3", "s3_server"]
