"""One run at a time in a folder, and no file is removed that is not its own or was asked for."""

import itertools
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from quickdraw_kit.errors import DataError, QuickdrawError, UsageError
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.manifest import load_manifest
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.prepare.workdir import WorkDir, is_output_file
from quickdraw_kit.shards.verify import verify
from quickdraw_kit.synthetic.generator import write_sample
from tests.shards.hooks import Killed, kill_at_merge


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workdir")
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


def test_a_finished_data_set_whose_workdir_is_half_cleared_is_not_replaced(samples, tmp_path):
    """Killed at each step of `WorkDir.clear`: another data set needs overwrite."""
    killed = 0
    for step in itertools.count():
        out = tmp_path / str(step)
        steps_left = [step]

        def dies(call, steps_left=steps_left):
            def wrapper(*arguments, **options):
                steps_left[0] -= 1
                if steps_left[0] < 0:
                    raise Killed
                return call(*arguments, **options)

            return wrapper

        with pytest.MonkeyPatch.context() as patch:
            clear = WorkDir.clear

            def clear_and_die(workdir, clear=clear, dies=dies, patch=patch):
                patch.setattr(shutil, "rmtree", dies(shutil.rmtree))
                patch.setattr(Path, "unlink", dies(Path.unlink))
                patch.setattr(Path, "rmdir", dies(Path.rmdir))
                clear(workdir)

            patch.setattr(WorkDir, "clear", clear_and_die)
            try:
                run(samples / "sun", out)
            except Killed:
                killed += 1
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
    assert killed >= 4


def test_an_overwrite_that_was_killed_while_it_cleared_is_not_resumed(samples, tmp_path):
    """Killed at each removal: neither plan continues from files that are half gone."""
    killed = 0
    for step in itertools.count():
        out = tmp_path / str(step)
        with pytest.raises(Killed):
            run(samples / "sun", out, progress=kill_at_merge)
        removals_left = [step]
        unlink = Path.unlink

        def unlink_or_die(path, *arguments, removals_left=removals_left, unlink=unlink, **options):
            removals_left[0] -= 1
            if removals_left[0] < 0:
                raise Killed
            unlink(path, *arguments, **options)

        def rmtree(folder, **options):
            for path in Path(folder).rglob("*"):
                path.unlink()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "unlink", unlink_or_die)
            patch.setattr(shutil, "rmtree", rmtree)
            try:
                run(samples / "star", out, overwrite=True, progress=kill_at_merge)
            except Killed:
                killed += 1
        if removals_left[0] >= 0:
            break
        try:
            run(samples / "sun", out)
        except UsageError as error:  # it had cleared everything, and begun the other run
            if "unfinished run that differs" not in str(error):
                raise
            run(samples / "sun", out, overwrite=True)
        assert words(out) == ("sun",)
        assert verify(out).ok
    assert killed >= 4


def test_a_data_set_that_is_finished_just_before_the_lock_stays(samples, tmp_path, monkeypatch):
    out = tmp_path / "out"
    lock = WorkDir.lock
    first_time = iter([True])

    def lock_late(workdir):
        if next(first_time, False):
            run(samples / "sun", out)
        return lock(workdir)

    monkeypatch.setattr(WorkDir, "lock", lock_late)
    with pytest.raises(UsageError, match="holds another data set"):
        run(samples / "star", out)
    assert words(out) == ("sun",)
    assert verify(out).ok


def test_the_lock_is_held_until_the_workdir_is_cleared(samples, tmp_path, monkeypatch):
    out = tmp_path / "out"
    clear, refused = WorkDir.clear, []

    def clear_while_another_run_starts(workdir):
        clear(workdir)
        with pytest.raises(QuickdrawError, match="another run is writing into"):
            run(samples / "star", out, overwrite=True)
        refused.append(True)

    monkeypatch.setattr(WorkDir, "clear", clear_while_another_run_starts)
    run(samples / "sun", out)
    assert refused
    assert verify(out).ok
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == []


def test_a_run_that_starts_while_the_workdir_is_removed_makes_a_new_one(tmp_path, monkeypatch):
    acquire, first_time = FileLock.acquire, iter([True])
    workdir = WorkDir(tmp_path)

    def acquire_late(self, *arguments, **options):
        if next(first_time, False):
            shutil.rmtree(workdir.path)
        return acquire(self, *arguments, **options)

    monkeypatch.setattr(FileLock, "acquire", acquire_late)
    with workdir.lock():
        assert workdir.path.exists()
    assert not workdir.path.exists()


def test_a_staging_folder_is_not_removed_while_a_run_uses_it(tmp_path):
    workdir = WorkDir(tmp_path / "staging")
    with workdir.lock():
        (workdir.out / "kept").touch()
        workdir.remove_with_output()
        assert (workdir.out / "kept").exists()
    workdir.remove_with_output()
    assert not workdir.out.exists()
    workdir.remove_with_output()


def test_an_interrupted_overwrite_ends_with_the_new_data_set(samples, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run(samples / "sun", out)

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", die)
        with pytest.raises(Killed):
            run(samples / "star", out, overwrite=True)
    assert not (out / "manifest.json").exists()
    run(samples / "star", out)
    assert words(out) == ("star",)
    assert verify(out).ok


def test_no_task_runs_in_an_executor_when_prepare_has_failed(samples, tmp_path):
    """One chunk fails while another is slow, and the executor lives on."""
    started, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def run_task(fn, task):
        if task.source.word == "sun":
            started.wait(20)
            threading.Timer(0.2, may_end.set).start()
            raise DataError("damaged")
        started.set()
        may_end.wait(20)
        result = fn(task)
        ended.set()
        return result

    class Threads(ThreadPoolExecutor):
        def submit(self, fn, /, task):
            return super().submit(run_task, fn, task)

    with Threads(2) as executor:
        with pytest.raises(DataError, match="damaged"):
            prepare([samples / "sun", samples / "star"], tmp_path / "out", executor=executor)
        assert ended.is_set(), "the lock is free while a chunk is still being written"


def test_an_unfinished_run_with_other_options_is_refused_and_kept(samples, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(Killed):
        run(samples / "sun", out, progress=kill_at_merge)
    with pytest.raises(UsageError, match="unfinished run that differs in its filters"):
        run(samples / "sun", out, filters=Filters(max_per_category=3))
    with pytest.raises(UsageError, match="unfinished run that differs in its chunk_bytes"):
        run(samples / "sun", out, chunk_bytes=1000)
    assert run(samples / "sun", out).counts.written == 60


def test_files_of_a_data_set_are_known_by_their_names():
    assert is_output_file("train-00000-of-00001.images.npy")
    assert is_output_file("histogram.csv")
    assert not is_output_file("thesis.doc")
    assert not is_output_file(".prepare")
