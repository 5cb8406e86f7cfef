"""Ray: the bytes of one machine from two nodes, one of which is killed on the way."""

import functools
import os
import shutil
import signal
import threading
import uuid
from concurrent.futures import Executor
from pathlib import Path

import pandas as pd
import pytest
from quickdraw_kit.shards.prepare.intake import Intake

from quickdraw_kit.errors import DataError, QuickdrawError, UsageError
from quickdraw_kit.executors import map_unordered, ray_executor
from quickdraw_kit.jobs import expand, run_jobs, write_results
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.synthetic.generator import write_sample

pytest.importorskip("ray")
# Ray leaves sockets and files of its own to the collector
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield made
    made.shutdown()


@pytest.fixture
def executor(cluster):
    with ray_executor(cluster.address) as made:
        yield made


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
        prepare([tmp_path / "drawings"], tmp_path / "there", executor=executor, progress=kill)
    killers[0].join()
    assert content(tmp_path / "there") == content(tmp_path / "here")


def test_relative_paths_mean_what_they_mean_to_the_caller(executor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_sample("drawings", drawings=54)
    assert prepare(["drawings"], "shards", executor=executor).counts.written == 54


def test_errors_are_those_of_the_function(executor):
    with pytest.raises(DataError, match="as it was raised"):
        executor.submit(fail, DataError).result()


def test_a_worker_that_dies_is_replaced(executor, tmp_path):
    assert executor.submit(die_until, tmp_path, 2).result() == 2


def test_a_unit_that_always_dies_is_an_error_that_says_what_is_kept(executor, tmp_path):
    with pytest.raises(QuickdrawError, match="Finished work is kept"):
        list(map_unordered(executor, functools.partial(die_until, times=99), [tmp_path]))
    assert len(list(tmp_path.iterdir())) == 4


def test_a_disk_that_fails_is_tried_again(executor, tmp_path):
    with pytest.raises(OSError, match="the share is gone"):
        executor.submit(count_tries, tmp_path).result()
    assert len(list(tmp_path.iterdir())) == 4


def test_a_cluster_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="no Ray cluster"), ray_executor("127.0.0.1:1"):
        pass


class Marking(Executor):
    """Notes on which node each task is begun."""

    def __init__(self, inner, marks):
        self.inner, self.marks, self._max_workers = inner, marks, inner._max_workers

    def submit(self, function, task):
        return self.inner.submit(begin, function, task, self.marks)


def begin(function, task, marks):
    import ray

    node = ray.get_runtime_context().get_node_id()
    (marks / f"{task.job.name} {node} {uuid.uuid4().hex}").touch()
    return function(task)


def begun_on(marks, node) -> list[str]:
    parts = [path.name.split() for path in marks.iterdir()]
    return [job for job, where, _ in parts if where == node]


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
            folders = [tmp_path / "there" / job for job in begun_on(marks, node.node_id)]
            inside = [path for folder in folders if folder.exists() for path in folder.iterdir()]
            checkpoint = next((path for path in inside if "checkpoint" in path.name), None)
        if checkpoint is not None:
            cluster.remove_node(node, allow_graceful=False)
            killed.append(checkpoint.parent.name)

    over, killer = threading.Event(), threading.Thread(target=kill_in_the_middle_of_a_job)
    killer.start()
    with ray_executor(cluster.address) as executor:
        there = run_jobs(jobs, tmp_path / "there", executor=Marking(executor, marks))
    over.set()
    killer.join()
    assert killed, "no job was begun on the second node"
    begun = [path.name.split()[0] for path in marks.iterdir()]
    assert begun.count(killed[0]) == 2, "it is begun again elsewhere"
    assert [result.failed for result in there] == [False, False, False, True]
    for ours, theirs in zip(here, there, strict=True):
        assert ours.error == theirs.error
        for name in ("test_loss", "test_top1", "epochs"):
            assert ours.figures.get(name) == theirs.figures.get(name)
    for job in jobs[:3]:
        files = [tmp_path / place / job.name / "model.safetensors" for place in ("here", "there")]
        assert files[0].read_bytes() == files[1].read_bytes()
    write_results(there, tmp_path / "there")
    tables = [pd.read_csv(tmp_path / place / "results.csv") for place in ("here", "there")]
    same = [name for name in tables[0].columns if "seconds" not in name]
    pd.testing.assert_frame_equal(tables[0][same], tables[1][same])


def test_from_a_store_into_a_store_on_two_nodes_one_of_which_is_killed(cluster, s3, tmp_path):
    write_sample(tmp_path / "drawings", drawings=2700)
    prepare([tmp_path / "drawings"], tmp_path / "here", workers=1)
    store = RetryingStore(f"{s3}/cluster/drawings")
    for path in (tmp_path / "drawings").iterdir():
        store.put(path.name, path)
    node, killers = cluster.add_node(num_cpus=1), []

    def kill(progress):
        if progress.stage == "read" and progress.done > progress.total // 4 and not killers:
            arguments = {"target": cluster.remove_node, "args": (node, False)}
            killers.append(threading.Thread(**arguments))
            killers[0].start()

    url, data_home = f"{s3}/cluster/shards", tmp_path / "home"
    with ray_executor(cluster.address) as executor:
        prepare(
            [f"{s3}/cluster/drawings"], url, data_home=data_home, executor=executor, progress=kill
        )
    killers[0].join()
    made = RetryingStore(url)
    assert {name: made.get(name) for name in made.sizes()} == content(tmp_path / "here")


def test_a_node_that_does_not_see_the_folders_says_so(executor, tmp_path, monkeypatch):
    """As on another machine whose disk is its own; here the folder goes after the plan."""
    write_sample(tmp_path / "drawings", drawings=54)
    monkeypatch.setattr("quickdraw_kit.shards.prepare.intake.Intake._ready", remove_units)
    with pytest.raises(QuickdrawError, match=r"does not see .*units.*every node of the cluster"):
        prepare([tmp_path / "drawings"], tmp_path / "out", executor=executor)


def remove_units(intake, index, ready=Intake._ready):
    ready(intake, index)
    shutil.rmtree(intake._units, ignore_errors=True)
