"""Names become files and URLs."""

import gzip
import hashlib
import struct

import pytest

from quickdraw_kit.acquire import catalog
from quickdraw_kit.acquire.catalog import VARIANTS, RemoteFile, read_names, remote_files
from quickdraw_kit.acquire.download import download
from quickdraw_kit.acquire.results import DownloadError
from quickdraw_kit.categories import CATEGORIES
from quickdraw_kit.errors import UsageError
from tests.acquire.bucket import Fault
from tests.acquire.conftest import QUICK, visible


@pytest.mark.parametrize("variant", VARIANTS)
def test_all_categories_of_every_variant(variant):
    files = remote_files(variant=variant)
    assert [file.name.rpartition(".")[0] for file in files] == [
        f"{variant}/{name}" for name in CATEGORIES
    ]
    assert all(len(file.urls) == 1 and " " not in file.urls[0] for file in files)


def test_official_urls():
    assert remote_files(["the mona lisa"], "numpy_bitmap") == [
        RemoteFile(
            "numpy_bitmap/The Mona Lisa.npy",
            (
                "https://storage.googleapis.com/quickdraw_dataset/full/numpy_bitmap/"
                "The%20Mona%20Lisa.npy",
            ),
        )
    ]
    (sketch,) = remote_files(["cat"], "sketchrnn")
    assert sketch.urls == ("https://storage.googleapis.com/quickdraw_dataset/sketchrnn/cat.npz",)


def test_digits_come_with_categories_and_once():
    files = remote_files(["Fashion_MNIST", "cat", "MNIST", "mnist"])
    assert [file.name.partition("/")[0] for file in files] == ["simplified"] + ["mnist"] * 4 + [
        "fashion-mnist"
    ] * 4
    assert all(file.md5 and len(file.urls) == 2 for file in files[1:])
    assert {file.gunzip for file in files[1:5]} == {True}


def test_a_mirror_replaces_every_url():
    files = remote_files(["ice cream", "mnist"], mirror="s3://mine/q/")
    assert files[0].urls == (
        "s3://mine/q/full/simplified/ice cream.ndjson",
        "s3://mine/q/simplified/ice cream.ndjson",
    )
    assert files[1].urls == ("s3://mine/q/mnist/train-images-idx3-ubyte.gz",)


def test_a_file_url_is_a_mirror(tmp_path):
    folder = tmp_path / "a%20mirror"
    files = remote_files(["ice cream"], mirror=folder.as_uri())
    assert files[0].urls[0] == str(folder / "full" / "simplified" / "ice cream.ndjson")
    with pytest.raises(UsageError, match="s3:// is not a location"):
        remote_files(["ice cream"], mirror="s3://")


def test_an_empty_environment_variable_is_not_a_mirror(monkeypatch):
    monkeypatch.setenv("QUICKDRAW_KIT_MIRROR", "")
    assert remote_files(["cat"])[0].urls[0].startswith(catalog.BUCKET)


def test_no_names():
    with pytest.raises(UsageError, match="no name is given"):
        remote_files([])


def test_a_list_of_names(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("\ufeff# mine\r\n cat \r\n\r\nhot air balloon\r\n", "utf-8")
    assert read_names(path) == ["cat", "hot air balloon"]
    path.write_text("# nothing\n")
    with pytest.raises(UsageError, match="contains no names"):
        read_names(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_names(tmp_path / "absent.txt")


@pytest.fixture
def digits(bucket, monkeypatch):
    """A small MNIST on two mirrors, compressed differently on each."""
    names = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
    inside = {name: struct.pack(">II", 0x801, 3) + name.encode() for name in names}
    for name, data in inside.items():
        bucket.put(f"first/{name}", gzip.compress(data, 9, mtime=0))
        bucket.put(f"second/{name}", gzip.compress(data, 1, mtime=7))
    monkeypatch.setattr(
        catalog, "_MNIST", {name: hashlib.md5(data).hexdigest() for name, data in inside.items()}
    )
    monkeypatch.setattr(catalog, "_MNIST_MIRRORS", (f"{bucket.url}/first", f"{bucket.url}/second"))
    return inside


def contents(data_home):
    return {
        name.partition("/")[2]: gzip.decompress(data) for name, data in visible(data_home).items()
    }


@pytest.mark.parametrize("status", [None, 403, 404, 500])
@pytest.mark.parametrize("head", [False, True], ids=["GET", "HEAD"])
def test_the_second_mirror_is_used_when_the_first_fails(bucket, data_home, digits, status, head):
    for name in digits if status else ():
        bucket.fail(f"first/{name}", Fault(status=status, head=head, always=True))
    download(["mnist"], data_home=data_home, retry_policy=QUICK)
    assert contents(data_home) == digits
    served = {line.path.partition("/")[0] for line in bucket.gets() if line.status == 200}
    assert served == {"second" if status else "first"}


def test_a_mirror_with_wrong_content_is_skipped(bucket, data_home, digits):
    name = "train-images-idx3-ubyte.gz"
    bucket.put(f"first/{name}", gzip.compress(b"something else"))
    bucket.put("first/train-labels-idx1-ubyte.gz", b"not even gzip")
    download(["mnist"], data_home=data_home, retry_policy=QUICK)
    assert contents(data_home) == digits


def test_wrong_content_everywhere_is_an_error(bucket, data_home, digits):
    for mirror in ("first", "second"):
        bucket.put(f"{mirror}/train-images-idx3-ubyte.gz", gzip.compress(b"something else"))
    with pytest.raises(DownloadError, match=r"first/.* the md5 of the content .*second/.*2 times"):
        download(["mnist"], data_home=data_home, retry_policy=QUICK)
    assert list(contents(data_home)) == ["train-labels-idx1-ubyte.gz"]


def test_verified_files_of_the_user_need_no_network(bucket, data_home, digits):
    (data_home / "mnist").mkdir(parents=True)
    for name, data in digits.items():
        (data_home / "mnist" / name).write_bytes(gzip.compress(data, 5))
    bucket.close()
    report = download(["mnist"], data_home=data_home, retry_policy=QUICK)
    assert {file.state for file in report.files} == {"present"}


def test_the_real_digits_are_known(real_data, data_home):
    report = download(["mnist"], data_home=data_home, mirror=str(real_data))
    assert [file.state for file in report.files] == ["fetched"] * 4
    assert report.size > 10_000_000
    assert download(["mnist"], data_home=data_home, verify=True).received == 0
