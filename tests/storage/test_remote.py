"""Which answers are of the same version of a file."""

import pytest

from quickdraw_kit.storage.retry import RemoteObject


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"size": 1, "etag": '"a"'}, {"size": 1, "etag": '"a"'}, True),
        ({"size": 1, "etag": '"a"'}, {"size": 2, "etag": '"a"'}, False),
        ({"size": 1, "etag": '"a"', "generation": "1"}, {"size": 1, "etag": '"a"'}, False),
        ({"size": 1, "generation": "1"}, {"size": 1, "generation": "1", "md5": "0"}, True),
        ({"size": 1}, {"size": 1}, False),
        ({"etag": '"a"'}, {"etag": '"a"'}, False),
    ],
)
def test_the_same_version(one, other, same):
    assert RemoteObject("u", **one).is_same(RemoteObject("u", **other)) is same
