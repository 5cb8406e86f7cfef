"""Executors: serial, processes, and Ray with a node that is killed; all give the same bytes."""

import functools
import os
import shutil
import signal
import threading
import uuid
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from quickdraw_kit.errors import DataError, QuickdrawError, UsageError
from quickdraw_kit.executors import (
    SerialExecutor,
    check_visible,
    map_unordered,
    max_in_flight,
    max_workers,
    process_pool,
    ray_executor,
)
from quickdraw_kit.jobs import expand, run_jobs, write_results
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.synthetic.generator import write_sample

# Ray leaves sockets and files to the garbage collector
pytestmark = [
    pytest.mark.xdist_group("ray"),  # one cluster
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]


def test_serial_tasks_run_one_at_a_time_as_their_results_are_used():
    calls = []
    results = map_unordered(None, calls.append, "abc")
    assert calls == []
    assert next(results) == ("a", None)
    assert calls == ["a"]
    assert [task for task, _ in results] == ["b", "c"]


def test_the_error_of_a_task_is_raised_and_later_tasks_are_not_run():
    started = []

    def fail_at_b(task):
        started.append(task)
        if task == "b":
            raise DataError("b is damaged")

    with pytest.raises(DataError, match="b is damaged"):
        list(map_unordered(SerialExecutor(), fail_at_b, "abc"))
    assert started == ["a", "b"]


def test_tasks_in_flight_are_bounded():
    with ThreadPoolExecutor(2) as executor:
        assert (max_workers(executor), max_in_flight(executor)) == (2, 8)
        taken = []
        tasks = (taken.append(number) or number for number in range(100))
        next(map_unordered(executor, abs, tasks))
        assert len(taken) == 8


def test_running_tasks_end_before_an_error_is_raised():
    ended, may_end = [], threading.Event()

    def work(task):
        if task == 0:
            threading.Timer(0.2, may_end.set).start()
            raise DataError("damaged")
        may_end.wait(20)
        ended.append(task)

    with ThreadPoolExecutor(2) as executor:
        with pytest.raises(DataError, match="damaged"):
            list(map_unordered(executor, work, range(8)))
        assert ended


def test_one_worker_needs_no_process():
    with process_pool(1) as executor:
        assert executor.submit(os.getpid).result() == os.getpid()


def test_a_process_that_dies_is_an_error_that_says_how_to_continue(tmp_path):
    with process_pool(2) as executor, pytest.raises(QuickdrawError, match="Finished work is kept"):
        list(map_unordered(executor, functools.partial(die_until, times=99), [tmp_path]))


def test_a_folder_that_a_worker_does_not_see_is_an_error(tmp_path):
    check_visible(tmp_path)
    with pytest.raises(QuickdrawError, match=r"does not see .*every node of the cluster"):
        check_visible(tmp_path / "elsewhere")


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    yield cluster
    cluster.shutdown()


@pytest.fixture
def executor(cluster):
    with ray_executor(cluster.address) as executor:
        yield executor


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def fail(kind: type[Exception]) -> None:
    raise kind("as it was raised")


def die_until(marks: Path, times: int) -> int:
    tries = len(list(marks.iterdir()))
    (marks / str(tries)).touch()
    if tries < times:
        os.kill(os.getpid(), signal.SIGKILL)
    return tries


def count_tries(marks: Path) -> None:
    (marks / str(len(list(marks.iterdir())))).touch()
    raise OSError("the share is gone")


@pytest.mark.slow
def test_a_node_that_is_killed_changes_no_byte(cluster, tmp_path):
    write_sample(tmp_path / "drawings", drawings=2700)
    prepare([tmp_path / "drawings"], tmp_path / "here", workers=1)
    node = cluster.add_node(num_cpus=1)
    killers = []

    def kill(progress):
        if progress.done > progress.total // 4 and not killers:
            killers.append(
                threading.Thread(
                    target=cluster.remove_node, args=(node,), kwargs={"allow_graceful": False}
                )
            )
            killers[0].start()

    with ray_executor(cluster.address) as executor:
        prepare([tmp_path / "drawings"], tmp_path / "on_ray", executor=executor, progress=kill)
    killers[0].join()
    assert content(tmp_path / "on_ray") == content(tmp_path / "here")


@pytest.mark.slow
def test_relative_paths_are_those_of_the_caller(executor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_sample("drawings", drawings=54)
    assert prepare(["drawings"], "shards", executor=executor).counts.written == 54


def test_errors_are_those_of_the_function(executor):
    with pytest.raises(DataError, match="as it was raised"):
        executor.submit(fail, DataError).result()


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced(executor, tmp_path):
    assert executor.submit(die_until, tmp_path, 2).result() == 2


@pytest.mark.slow
def test_a_task_that_always_dies_is_an_error_that_says_what_is_kept(executor, tmp_path):
    with pytest.raises(QuickdrawError, match="Finished work is kept"):
        list(map_unordered(executor, functools.partial(die_until, times=99), [tmp_path]))
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.slow
def test_a_task_whose_disk_fails_is_repeated(executor, tmp_path):
    with pytest.raises(OSError, match="the share is gone"):
        executor.submit(count_tries, tmp_path).result()
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.slow
def test_a_missing_cluster_is_an_error():
    pytest.importorskip("ray")
    with pytest.raises(UsageError, match="no Ray cluster"), ray_executor("127.0.0.1:1"):
        pass


class Marking(Executor):
    """Records on which node each task starts."""

    def __init__(self, inner, marks):
        self.inner, self.marks, self._max_workers = inner, marks, inner._max_workers

    def submit(self, function, task):
        return self.inner.submit(mark_and_call, function, task, self.marks)


def mark_and_call(function, task, marks):
    import ray

    node = ray.get_runtime_context().get_node_id()
    (marks / f"{task.job.name} {node} {uuid.uuid4().hex}").touch()
    return function(task)


def started_on(marks, node) -> list[str]:
    parts = [path.name.split() for path in marks.iterdir()]
    return [job for job, where, _ in parts if where == node]


@pytest.mark.slow
def test_jobs_on_two_nodes_give_what_one_machine_gives(cluster, tmp_path):
    """A node is killed while one of them runs on it, and another cannot succeed."""
    write_sample(tmp_path / "drawings", drawings=300, categories=["circle", "line"])
    prepare([tmp_path / "drawings"], tmp_path / "shards", workers=1)
    jobs = expand(
        [{"name": "net", "seed": [0, 1, 2]}, {"name": "broken", "data": str(tmp_path / "none")}],
        {
            "data": str(tmp_path / "shards"),
            "network": "tiny-cnn",
            "batch_size": 64,
            "epochs": 25,
            "threads": 1,
        },
    )
    here = run_jobs(jobs, tmp_path / "here")
    write_results(here, tmp_path / "here")
    node, marks, killed = cluster.add_node(num_cpus=1), tmp_path / "marks", []
    marks.mkdir()

    def kill_in_the_middle_of_a_job():
        checkpoint = None
        while checkpoint is None and not over.wait(0.02):
            folders = [tmp_path / "on_ray" / job for job in started_on(marks, node.node_id)]
            inside = [path for folder in folders if folder.exists() for path in folder.iterdir()]
            checkpoint = next((path for path in inside if "checkpoint" in path.name), None)
        if checkpoint is not None:
            cluster.remove_node(node, allow_graceful=False)
            killed.append(checkpoint.parent.name)

    over, killer = threading.Event(), threading.Thread(target=kill_in_the_middle_of_a_job)
    killer.start()
    with ray_executor(cluster.address) as executor:
        on_ray = run_jobs(jobs, tmp_path / "on_ray", executor=Marking(executor, marks))
    over.set()
    killer.join()
    assert killed, "no job was started on the second node"
    started = [path.name.split()[0] for path in marks.iterdir()]
    assert started.count(killed[0]) == 2, "it is started again elsewhere"
    assert [result.failed for result in on_ray] == [False, False, False, True]
    for ours, theirs in zip(here, on_ray, strict=True):
        assert ours.error == theirs.error
        for name in ("test_loss", "test_top1", "epochs"):
            assert ours.figures.get(name) == theirs.figures.get(name)
    for job in jobs[:3]:
        files = [tmp_path / place / job.name / "model.safetensors" for place in ("here", "on_ray")]
        assert files[0].read_bytes() == files[1].read_bytes()
    write_results(on_ray, tmp_path / "on_ray")
    tables = [pd.read_csv(tmp_path / place / "results.csv") for place in ("here", "on_ray")]
    same = [name for name in tables[0].columns if "seconds" not in name]
    pd.testing.assert_frame_equal(tables[0][same], tables[1][same])


@pytest.mark.slow
def test_from_a_store_into_a_store_on_two_nodes_one_of_which_is_killed(cluster, s3, tmp_path):
    write_sample(tmp_path / "drawings", drawings=2700)
    prepare([tmp_path / "drawings"], tmp_path / "here", workers=1)
    store = RetryingStore(f"{s3}/cluster/drawings")
    for path in (tmp_path / "drawings").iterdir():
        store.put(path.name, path)
    node, killers = cluster.add_node(num_cpus=1), []

    def kill(progress):
        if progress.stage == "extract" and progress.done > progress.total // 4 and not killers:
            arguments = {"target": cluster.remove_node, "args": (node, False)}
            killers.append(threading.Thread(**arguments))
            killers[0].start()

    url, data_home = f"{s3}/cluster/shards", tmp_path / "home"
    with ray_executor(cluster.address) as executor:
        prepare(
            [f"{s3}/cluster/drawings"], url, data_home=data_home, executor=executor, progress=kill
        )
    killers[0].join()
    uploaded = RetryingStore(url)
    assert {name: uploaded.get(name) for name in uploaded.sizes()} == content(tmp_path / "here")


class RemovingFolder(Executor):
    """Removes the folder of results before the first task, as if the worker had another disk."""

    def __init__(self, inner, folder):
        self.inner, self.folder, self._max_workers = inner, folder, inner._max_workers

    def submit(self, fn, /, task):
        shutil.rmtree(self.folder, ignore_errors=True)
        return self.inner.submit(fn, task)


@pytest.mark.slow
def test_a_node_that_does_not_see_the_folders_is_an_error(executor, tmp_path):
    write_sample(tmp_path / "drawings", drawings=54)
    executor = RemovingFolder(executor, tmp_path / "out" / ".prepare" / "extract")
    with pytest.raises(QuickdrawError, match=r"does not see .*extract.*every node of the cluster"):
        prepare([tmp_path / "drawings"], tmp_path / "out", executor=executor)
