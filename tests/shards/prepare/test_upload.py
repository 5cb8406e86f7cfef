"""`prepare` into an object store: the bytes of a folder, the manifest last, and nothing kept."""

import pytest

from quickdraw_kit.acquire.download import DownloadOptions
from quickdraw_kit.errors import QuickdrawError, UsageError
from quickdraw_kit.shards.manifest import load_manifest
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.synthetic.generator import write_sample

LAYOUT = PrepareOptions(rows_per_shard=20)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sending")
    write_sample(folder / "sample", drawings=135)
    prepare([folder / "sample"], folder / "shards", options=LAYOUT, workers=1)
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
    prepare([sample / "sample"], url, options=LAYOUT, data_home=tmp_path, workers=1)
    assert content(url, sample / "shards") == files(sample / "shards")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def refuse_to_put(self, name, data):
    raise AssertionError(f"{name} is sent again")


def test_what_is_finished_is_left_as_it_is_and_another_data_set_is_refused(
    s3, sample, tmp_path, monkeypatch
):
    url = f"{s3}/again"
    first = prepare([sample / "sample"], url, options=LAYOUT, data_home=tmp_path, workers=1)
    monkeypatch.setattr(RetryingStore, "put", refuse_to_put)
    assert prepare([sample / "sample"], url, options=LAYOUT, data_home=tmp_path) == first
    other = PrepareOptions(rows_per_shard=21)
    with pytest.raises(UsageError, match=f"{url} holds another data set already"):
        prepare([sample / "sample"], url, options=other, data_home=tmp_path, workers=1)
    assert content(url, sample / "shards") == files(sample / "shards")


def test_a_place_with_other_files_is_refused(s3, sample, tmp_path):
    url = f"{s3}/thesis"
    store = RetryingStore(url)
    store.put("thesis.doc", b"mine")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match=r"it holds thesis\.doc"):
            prepare([sample / "sample"], url, data_home=tmp_path, workers=1, overwrite=overwrite)
    assert list(store.sizes()) == ["thesis.doc"]


def test_a_place_that_cannot_be_written_is_found_before_the_work(s3, sample, tmp_path, monkeypatch):
    from quickdraw_kit.shards.prepare import intake

    monkeypatch.setattr(intake, "collect_unit", None)
    with pytest.raises(QuickdrawError, match="no-such-bucket"):
        prepare([sample / "sample"], "s3://no-such-bucket/x", data_home=tmp_path, workers=1)


class Killed(BaseException):
    """Ends a run as a kill does: nobody cleans up."""


def killed_at(monkeypatch, run, point):
    """Let a run die just before a step; its lock is free then, as after a kill."""
    from quickdraw_kit.shards.prepare import pipeline as module

    def die(*arguments, **options):
        raise Killed

    with monkeypatch.context() as patch:
        if point == "manifest":
            put = RetryingStore.put

            def dies_at_the_manifest(self, name, data):
                if name == "manifest.json":
                    raise Killed
                put(self, name, data)

            patch.setattr(RetryingStore, "put", dies_at_the_manifest)
        else:
            patch.setattr(module, point, die)
        with pytest.raises(Killed):
            run()


@pytest.mark.parametrize("point", ["manifest", "drop"])
def test_killed_at_the_end_and_run_again(sample, tmp_path, monkeypatch, point):
    url = f"memory://sending/killed-{point}"

    def run(**options):
        return prepare(
            [sample / "sample"], url, options=LAYOUT, data_home=tmp_path, workers=1, **options
        )

    killed_at(monkeypatch, run, point)
    assert ("manifest.json" in RetryingStore(url).sizes()) == (point == "drop")
    assert list((tmp_path / "staging").iterdir())
    run()
    assert content(url, sample / "shards") == files(sample / "shards")
    assert not list((tmp_path / "staging").iterdir())


@pytest.mark.parametrize("point", ["clear", "deliver", "manifest", "drop"])
@pytest.mark.parametrize("again", [False, True])
def test_killed_while_it_replaces_another(sample, tmp_path, monkeypatch, point, again):
    url = f"memory://sending/replaced-{point}-{again}"

    def run(rows, **options):
        options = PrepareOptions(rows_per_shard=rows)
        return prepare(
            [sample / "sample"], url, options=options, data_home=tmp_path, workers=1, **options
        )

    run(7)
    killed_at(monkeypatch, lambda: run(20, overwrite=True), point)
    if point == "clear" and not again:  # the old one stands, and is not replaced by accident
        with pytest.raises(UsageError, match="holds another data set"):
            run(20)
        return
    run(20, overwrite=again)
    assert sorted(RetryingStore(url).sizes()) == sorted(files(sample / "shards"))
    assert content(url, sample / "shards") == files(sample / "shards")
    assert not list((tmp_path / "staging").iterdir())


def test_what_another_machine_has_left_unfinished_is_not_taken_for_ours(
    sample, tmp_path, monkeypatch
):
    url, here, there = "memory://sending/left", tmp_path / "here", tmp_path / "there"

    def run(data_home, **options):
        return prepare(
            [sample / "sample"], url, options=LAYOUT, data_home=data_home, workers=1, **options
        )

    killed_at(monkeypatch, lambda: run(there), "deliver")
    with pytest.raises(UsageError, match="a run that was not finished, and what it left"):
        run(here)
    run(here, overwrite=True)
    assert content(url, sample / "shards") == files(sample / "shards")


def test_a_store_that_fails_midway_has_no_manifest_and_the_run_goes_on(
    s3, sample, tmp_path, monkeypatch
):
    url = f"{s3}/midway"
    put, sent = RetryingStore.put, []

    def fails_at_the_ninth(self, name, data):
        sent.append(name)
        if len(sent) == 9:
            raise QuickdrawError("the store is gone")
        put(self, name, data)

    monkeypatch.setattr(RetryingStore, "put", fails_at_the_ninth)
    with pytest.raises(QuickdrawError, match="the store is gone"):
        prepare([sample / "sample"], url, options=LAYOUT, data_home=tmp_path, workers=1)
    assert "manifest.json" not in RetryingStore(url).sizes()
    before = len(sent)
    prepare([sample / "sample"], url, options=LAYOUT, data_home=tmp_path, workers=1)
    assert content(url, sample / "shards") == files(sample / "shards")
    everything = len(list(load_manifest(sample / "shards").all_files()))
    assert len(sent) - before < everything  # what had arrived was not sent again


def test_what_has_gone_from_the_store_in_the_meantime_is_sent_again(sample, tmp_path, monkeypatch):
    """The notes of what has arrived are not taken for the store."""
    url = "memory://sending/gone"

    def run():
        return prepare([sample / "sample"], url, options=LAYOUT, data_home=tmp_path, workers=1)

    killed_at(monkeypatch, run, "deliver")
    store = RetryingStore(url)
    first, second = sorted(store.sizes())[:2]
    store.delete(first)
    store.put(second, b"cut")
    run()
    assert content(url, sample / "shards") == files(sample / "shards")


def test_what_goes_from_the_store_while_it_is_sent_leaves_no_manifest(
    sample, tmp_path, monkeypatch
):
    url = "memory://sending/going"
    put = RetryingStore.put

    def put_and_lose(self, name, data):
        put(self, name, data)
        if name == "histogram.csv":
            self.delete("rejects.ndjson")
            self.delete(min(self.sizes()))

    def run():
        return prepare([sample / "sample"], url, options=LAYOUT, data_home=tmp_path, workers=1)

    with monkeypatch.context() as patch:
        patch.setattr(RetryingStore, "put", put_and_lose)
        with pytest.raises(QuickdrawError, match=r"does not hold what was sent to it: .* has no"):
            run()
    assert "manifest.json" not in RetryingStore(url).sizes()
    run()
    assert content(url, sample / "shards") == files(sample / "shards")


def test_killed_between_the_manifest_and_the_end_leaves_nothing(sample, tmp_path, monkeypatch):
    url = "memory://sending/end"
    put = RetryingStore.put

    def put_and_die(self, name, data):
        put(self, name, data)
        if name == "manifest.json":
            raise Killed

    def run():
        return prepare([sample / "sample"], url, options=LAYOUT, data_home=tmp_path, workers=1)

    with monkeypatch.context() as patch:
        patch.setattr(RetryingStore, "put", put_and_die)
        with pytest.raises(Killed):
            run()
    assert list((tmp_path / "staging").rglob("*.arrow"))
    run()
    assert not list((tmp_path / "staging").iterdir())


def test_overwrite_leaves_no_file_of_the_old_data_set(s3, sample, tmp_path):
    url = f"{s3}/twice"
    many = PrepareOptions(rows_per_shard=5)
    prepare([sample / "sample"], url, options=many, data_home=tmp_path, workers=1)
    prepare([sample / "sample"], url, options=LAYOUT, data_home=tmp_path, workers=1, overwrite=True)
    store = RetryingStore(url)
    new = files(sample / "shards")
    assert content(url, sample / "shards") == new
    assert set(store.sizes()) == set(new)


def test_memory_is_a_store_too(sample, tmp_path):
    prepare(
        [sample / "sample"], "memory://sending/x", options=LAYOUT, data_home=tmp_path, workers=1
    )
    assert len(open_shards("memory://sending/x", cache=tmp_path)) == 135


def test_from_a_store_into_a_store(s3, tmp_path):
    words = ("circle", "line", "star")
    write_sample(tmp_path / "sample", drawings=90, categories=words)
    mirror = RetryingStore(f"{s3}/dataset")
    for word in words:
        mirror.put(tmp_path / "sample" / f"{word}.ndjson", f"full/simplified/{word}.ndjson")
    prepare([tmp_path / "sample"], tmp_path / "shards", options=LAYOUT, workers=1)
    data_home = tmp_path / "home"
    options = DownloadOptions(mirror=f"{s3}/dataset", keep=False)
    prepare(words, f"{s3}/both", options=LAYOUT, data_home=data_home, download=options, workers=2)
    assert content(f"{s3}/both", tmp_path / "shards") == files(tmp_path / "shards")
    assert not list(data_home.rglob("*.ndjson"))
