"""Which answers of a store are of the same version of a file."""

import pytest

from quickdraw_kit.storage.file_info import FileInfo


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
def test_same_version(one, other, same):
    assert FileInfo("u", **one).same_version(FileInfo("u", **other)) is same


def test_credentials_are_not_part_of_a_version():
    urls = ("https://me:a@h/cat.bin?token=1", "https://h/cat.bin?token=2")
    one, other = (FileInfo(url, 1, '"a"') for url in urls)
    assert one.same_version(other)
    assert not one.same_version(FileInfo("https://h/dog.bin?token=1", 1, '"a"'))
