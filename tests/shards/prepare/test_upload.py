"""`prepare` into an object store: the bytes of a folder, the manifest last, and nothing kept."""

import pytest

from quickdraw_kit.acquire.download import DownloadOptions
from quickdraw_kit.errors import QuickdrawError, UsageError
from quickdraw_kit.shards.manifest import load_manifest
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.prepare.upload import StoreOutput
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.synthetic.generator import write_sample
from tests.shards.hooks import HookedExecutor, Killed

OPTIONS = PrepareOptions(rows_per_shard=20)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("upload")
    write_sample(folder / "sample", drawings=135)
    prepare([folder / "sample"], folder / "shards", options=OPTIONS, workers=1)
    return folder


def content(url: str, folder) -> dict[str, bytes]:
    """What the store holds of the files of a data set."""
    store = RetryingStore(url)
    names = [path.name for path in folder.iterdir()]
    return {name: store.get(name) for name in names}


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_bytes_are_those_of_a_folder_and_nothing_is_kept_here(s3, sample, tmp_path):
    url = f"{s3}/whole"
    prepare([sample / "sample"], url, options=OPTIONS, data_home=tmp_path, workers=1)
    assert content(url, sample / "shards") == files(sample / "shards")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def refuse_to_put(self, name, data):
    raise AssertionError(f"{name} is uploaded again")


def test_a_finished_data_set_stays_and_another_one_is_refused(s3, sample, tmp_path, monkeypatch):
    url = f"{s3}/again"
    first = prepare([sample / "sample"], url, options=OPTIONS, data_home=tmp_path, workers=1)
    monkeypatch.setattr(RetryingStore, "put", refuse_to_put)
    assert prepare([sample / "sample"], url, options=OPTIONS, data_home=tmp_path) == first
    other = PrepareOptions(rows_per_shard=21)
    with pytest.raises(UsageError, match=f"{url} holds another data set already"):
        prepare([sample / "sample"], url, options=other, data_home=tmp_path, workers=1)
    assert content(url, sample / "shards") == files(sample / "shards")


def test_a_location_with_other_files_is_refused(s3, sample, tmp_path):
    url = f"{s3}/thesis"
    store = RetryingStore(url)
    store.put("thesis.doc", b"mine")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match=r"it holds thesis\.doc"):
            prepare([sample / "sample"], url, data_home=tmp_path, workers=1, overwrite=overwrite)
    assert list(store.sizes()) == ["thesis.doc"]


def test_a_location_that_cannot_be_written_is_an_error_before_the_work(s3, sample, tmp_path):
    tasks = []
    executor = HookedExecutor(tasks.append)
    with pytest.raises(QuickdrawError, match="no-such-bucket"):
        prepare([sample / "sample"], "s3://no-such-bucket/x", data_home=tmp_path, executor=executor)
    assert not tasks


KILL_POINTS = {
    "start": (StoreOutput, "start"),
    "publish": (StoreOutput, "publish"),
    "remove staging": (StoreOutput, "remove_staging"),
}


def kill_at(monkeypatch, run, point):
    """Kill a run just before a step; its lock is free then, as after a kill."""

    def die(*arguments, **options):
        raise Killed

    with monkeypatch.context() as patch:
        if point == "manifest":
            put = RetryingStore.put

            def put_or_die(self, name, data):
                if name == "manifest.json":
                    raise Killed
                put(self, name, data)

            patch.setattr(RetryingStore, "put", put_or_die)
        else:
            patch.setattr(*KILL_POINTS[point], die)
        with pytest.raises(Killed):
            run()


@pytest.mark.parametrize("point", ["manifest", "remove staging"])
def test_killed_at_the_end_and_run_again(sample, tmp_path, monkeypatch, point):
    url = f"memory://upload/killed-{point}"

    def run(**options):
        return prepare(
            [sample / "sample"], url, options=OPTIONS, data_home=tmp_path, workers=1, **options
        )

    kill_at(monkeypatch, run, point)
    assert ("manifest.json" in RetryingStore(url).sizes()) == (point == "remove staging")
    assert list((tmp_path / "staging").iterdir())
    run()
    assert content(url, sample / "shards") == files(sample / "shards")
    assert not list((tmp_path / "staging").iterdir())


@pytest.mark.parametrize("point", ["start", "publish", "manifest", "remove staging"])
@pytest.mark.parametrize("again", [False, True])
def test_killed_while_it_replaces_another(sample, tmp_path, monkeypatch, point, again):
    url = f"memory://upload/replaced-{point}-{again}"

    def run(rows, overwrite=False):
        options = PrepareOptions(rows_per_shard=rows)
        return prepare(
            [sample / "sample"],
            url,
            options=options,
            data_home=tmp_path,
            workers=1,
            overwrite=overwrite,
        )

    run(7)
    kill_at(monkeypatch, lambda: run(20, overwrite=True), point)
    if point == "start" and not again:  # the old one is complete, and not replaced by accident
        with pytest.raises(UsageError, match="holds another data set"):
            run(20)
        return
    run(20, overwrite=again)
    assert sorted(RetryingStore(url).sizes()) == sorted(files(sample / "shards"))
    assert content(url, sample / "shards") == files(sample / "shards")
    assert not list((tmp_path / "staging").iterdir())


def test_the_unfinished_run_of_another_machine_is_not_resumed(sample, tmp_path, monkeypatch):
    url, here, elsewhere = "memory://upload/left", tmp_path / "here", tmp_path / "elsewhere"

    def run(data_home, **options):
        return prepare(
            [sample / "sample"], url, options=OPTIONS, data_home=data_home, workers=1, **options
        )

    kill_at(monkeypatch, lambda: run(elsewhere), "publish")
    with pytest.raises(UsageError, match="an unfinished run whose workdir is not on this machine"):
        run(here)
    run(here, overwrite=True)
    assert content(url, sample / "shards") == files(sample / "shards")


def test_a_store_that_fails_midway_has_no_manifest_and_the_run_is_resumed(
    s3, sample, tmp_path, monkeypatch
):
    url = f"{s3}/midway"
    put, uploaded = RetryingStore.put, []

    def fails_at_the_ninth(self, name, data):
        uploaded.append(name)
        if len(uploaded) == 9:
            raise QuickdrawError("the store is gone")
        put(self, name, data)

    monkeypatch.setattr(RetryingStore, "put", fails_at_the_ninth)
    with pytest.raises(QuickdrawError, match="the store is gone"):
        prepare([sample / "sample"], url, options=OPTIONS, data_home=tmp_path, workers=1)
    assert "manifest.json" not in RetryingStore(url).sizes()
    before = len(uploaded)
    prepare([sample / "sample"], url, options=OPTIONS, data_home=tmp_path, workers=1)
    assert content(url, sample / "shards") == files(sample / "shards")
    everything = len(list(load_manifest(sample / "shards").all_files()))
    assert len(uploaded) - before < everything  # what is in the store is not uploaded again


def test_a_shard_that_was_deleted_in_the_store_is_uploaded_again(sample, tmp_path, monkeypatch):
    """The marks of uploaded shards are compared with the store."""
    url = "memory://upload/gone"

    def run():
        return prepare([sample / "sample"], url, options=OPTIONS, data_home=tmp_path, workers=1)

    kill_at(monkeypatch, run, "publish")
    store = RetryingStore(url)
    first, second = sorted(store.sizes())[:2]
    store.delete(first)
    store.put(second, b"cut")
    run()
    assert content(url, sample / "shards") == files(sample / "shards")


def test_a_file_that_is_deleted_in_the_store_during_the_upload_leaves_no_manifest(
    sample, tmp_path, monkeypatch
):
    url = "memory://upload/going"
    put = RetryingStore.put

    def put_and_lose(self, name, data):
        put(self, name, data)
        if name == "histogram.csv":
            self.delete("rejects.ndjson")
            self.delete(min(self.sizes()))

    def run():
        return prepare([sample / "sample"], url, options=OPTIONS, data_home=tmp_path, workers=1)

    with monkeypatch.context() as patch:
        patch.setattr(RetryingStore, "put", put_and_lose)
        with pytest.raises(QuickdrawError, match=r"does not hold what was uploaded: .* has no"):
            run()
    assert "manifest.json" not in RetryingStore(url).sizes()
    run()
    assert content(url, sample / "shards") == files(sample / "shards")


def test_killed_after_the_manifest_and_run_again_leaves_nothing_here(sample, tmp_path, monkeypatch):
    url = "memory://upload/end"
    put = RetryingStore.put

    def put_and_die(self, name, data):
        put(self, name, data)
        if name == "manifest.json":
            raise Killed

    def run():
        return prepare([sample / "sample"], url, options=OPTIONS, data_home=tmp_path, workers=1)

    with monkeypatch.context() as patch:
        patch.setattr(RetryingStore, "put", put_and_die)
        with pytest.raises(Killed):
            run()
    assert list((tmp_path / "staging").rglob("*.arrow"))
    run()
    assert not list((tmp_path / "staging").iterdir())


@pytest.mark.slow
def test_overwrite_leaves_no_file_of_the_old_data_set(s3, sample, tmp_path):
    url = f"{s3}/twice"
    many = PrepareOptions(rows_per_shard=5)
    prepare([sample / "sample"], url, options=many, data_home=tmp_path, workers=1)
    prepare(
        [sample / "sample"], url, options=OPTIONS, data_home=tmp_path, workers=1, overwrite=True
    )
    store = RetryingStore(url)
    new = files(sample / "shards")
    assert content(url, sample / "shards") == new
    assert set(store.sizes()) == set(new)


def test_memory_is_a_store_too(sample, tmp_path):
    prepare(
        [sample / "sample"], "memory://upload/x", options=OPTIONS, data_home=tmp_path, workers=1
    )
    assert len(open_shards("memory://upload/x", cache=tmp_path)) == 135


def test_from_a_store_into_a_store(s3, tmp_path):
    words = ("circle", "line", "star")
    write_sample(tmp_path / "sample", drawings=90, categories=words)
    mirror = RetryingStore(f"{s3}/dataset")
    for word in words:
        mirror.put(f"full/simplified/{word}.ndjson", tmp_path / "sample" / f"{word}.ndjson")
    prepare([tmp_path / "sample"], tmp_path / "shards", options=OPTIONS, workers=1)
    data_home = tmp_path / "home"
    options = DownloadOptions(mirror=f"{s3}/dataset", keep=False)
    prepare(words, f"{s3}/both", options=OPTIONS, data_home=data_home, download=options, workers=2)
    assert content(f"{s3}/both", tmp_path / "shards") == files(tmp_path / "shards")
    assert not list(data_home.rglob("*.ndjson"))
