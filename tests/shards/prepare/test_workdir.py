"""One run at a time in a folder, and nothing is removed that is not its own or asked for."""

import itertools
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from filelock import FileLock

from quickdraw_kit.errors import DataError, QuickdrawError, UsageError
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.manifest import load_manifest
from quickdraw_kit.shards.prepare import extract as collect
from quickdraw_kit.shards.prepare import intake
from quickdraw_kit.shards.prepare import workdir as module
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.prepare.workdir import drop
from quickdraw_kit.shards.verify import verify
from quickdraw_kit.synthetic.generator import write_sample


class Killed(BaseException):
    """Ends a run as a kill does."""


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("claim")
    write_sample(folder / "sun", drawings=60, categories=["sun"])
    write_sample(folder / "star", drawings=60, categories=["star"])
    return folder


def run(source, out, **options):
    return prepare([source], out, workers=1, **options)


def words(out):
    return load_manifest(out).categories


def test_no_trace_is_left_of_a_run_that_ended_or_was_refused(samples, tmp_path):
    out = tmp_path / "out"
    run(samples / "sun", out)
    before = sorted(path.name for path in out.iterdir())
    assert ".prepare" not in before
    with pytest.raises(UsageError, match="holds another data set"):
        run(samples / "star", out)
    assert sorted(path.name for path in out.iterdir()) == before


def test_a_finished_data_set_whose_work_folder_is_not_quite_gone_is_not_replaced(samples, tmp_path):
    """Killed at each step of clearing up: nobody else's data set goes without being told to."""
    kept = 0
    for step in itertools.count():
        out = tmp_path / str(step)
        left = [step]

        def dies(call, left=left):
            def format_count(*arguments, **options):
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
                return call(*arguments, **options)

            return format_count

        with pytest.MonkeyPatch.context() as patch:
            clear = module._clear

            def clear_and_die(work, clear=clear, dies=dies, patch=patch):
                patch.setattr(shutil, "rmtree", dies(shutil.rmtree))
                patch.setattr(module.Path, "unlink", dies(module.Path.unlink))
                patch.setattr(module.Path, "rmdir", dies(module.Path.rmdir))
                clear(work)

            patch.setattr(module, "_clear", clear_and_die)
            try:
                run(samples / "sun", out)
            except Killed:
                kept += 1
            else:
                break
        assert verify(out).ok
        with pytest.raises(UsageError, match="holds another data set"):
            run(samples / "star", out)
        assert run(samples / "sun", out).categories == ("sun",)
        assert verify(out).ok
        assert not (out / ".prepare").exists()
        run(samples / "star", out, overwrite=True)
        assert words(out) == ("star",)
    assert kept >= 4


def test_a_data_set_that_came_between_the_look_and_the_lock_stays(samples, tmp_path, monkeypatch):
    out = tmp_path / "out"
    locked = module._locked
    turns = iter([True])

    def late(work):
        if next(turns, False):
            run(samples / "sun", out)
        return locked(work)

    monkeypatch.setattr(module, "_locked", late)
    with pytest.raises(UsageError, match="holds another data set"):
        run(samples / "star", out)
    assert words(out) == ("sun",)
    assert verify(out).ok


def test_the_lock_is_held_until_the_work_is_cleared(samples, tmp_path, monkeypatch):
    out = tmp_path / "out"
    clear, told = module._clear, []

    def clear_while_another_comes(work):
        clear(work)
        with pytest.raises(QuickdrawError, match="another run is writing into"):
            run(samples / "star", out, overwrite=True)
        told.append(True)

    monkeypatch.setattr(module, "_clear", clear_while_another_comes)
    run(samples / "sun", out)
    assert told
    assert verify(out).ok
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == []


def test_who_comes_while_the_folder_of_the_lock_goes_makes_another(tmp_path, monkeypatch):
    acquire, turns = FileLock.acquire, iter([True])

    def late(self, *arguments, **options):
        if next(turns, False):
            shutil.rmtree(tmp_path / "work")
        return acquire(self, *arguments, **options)

    monkeypatch.setattr(FileLock, "acquire", late)
    with module._locked(tmp_path / "work"):
        assert (tmp_path / "work").exists()
    assert not (tmp_path / "work").exists()


def test_drop_leaves_what_a_run_is_at_work_in(tmp_path):
    out = tmp_path / "staging"
    with module._locked(out / ".prepare"):
        (out / "kept").touch()
        drop(out)
        assert (out / "kept").exists()
    drop(out)
    assert not out.exists()
    drop(out)


def test_an_interrupted_overwrite_ends_with_the_new_one(samples, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run(samples / "sun", out)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            run(samples / "star", out, overwrite=True)
    assert not (out / "manifest.json").exists()
    run(samples / "star", out)
    assert words(out) == ("star",)
    assert verify(out).ok


def test_nothing_goes_on_in_an_executor_when_prepare_has_failed(samples, tmp_path, monkeypatch):
    """One unit fails while another is slow, and the executor lives on."""
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()
    work = collect.collect_unit

    def one_fails_one_is_slow(source, unit, **options):
        if source.word == "sun":
            begun.wait(20)
            threading.Timer(0.2, may_end.set).start()
            raise DataError("damaged")
        begun.set()
        may_end.wait(20)
        result = work(source, unit, **options)
        ended.set()
        return result

    monkeypatch.setattr(intake, "collect_unit", one_fails_one_is_slow)
    with ThreadPoolExecutor(2) as executor:
        with pytest.raises(DataError, match="damaged"):
            prepare([samples / "sun", samples / "star"], tmp_path / "out", executor=executor)
        assert ended.is_set(), "the lock is free while a unit is still being written"


def test_an_unfinished_run_of_other_settings_is_refused_and_kept(samples, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(module, "_clear", None)
        patch.setattr("quickdraw_kit.shards.prepare.passes.build_shard", None)
        with pytest.raises(TypeError):
            run(samples / "sun", out)
    with pytest.raises(UsageError, match="unfinished run that differs in its selection"):
        run(samples / "sun", out, filters=Filters(max_per_category=3))
    assert run(samples / "sun", out).counts.written == 60
