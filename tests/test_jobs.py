"""Batches of jobs: grids, records, failures that do not stop others, and one results table."""

import json
import time

import pandas as pd
import pytest

from quickdraw_kit.errors import UsageError
from quickdraw_kit.executors import process_pool
from quickdraw_kit.jobs import expand, run_jobs, summarize, write_jobs_page, write_results
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.synthetic.generator import write_sample
from tests.conftest import posix
from tests.warm import TRAIN


@pytest.fixture(scope="module")
def shards(once):
    return once("jobs", make_shards)


def make_shards(folder):
    write_sample(folder / "sample", drawings=40, categories=["circle", "line"])
    prepare([folder / "sample"], folder / "shards", workers=1)
    return str(folder / "shards")


@pytest.fixture
def jobs(shards):
    return expand(
        [{"name": "net", "network": ["tiny-cnn", "mnist-cnn"], "seed": [0, 1]}],
        {"data": shards, "epochs": 1, "batch_size": 64, "threads": 1},
    )


def weights(folder, jobs):
    return {job.name: (folder / job.name / "model.safetensors").read_bytes() for job in jobs}


def records(folder):
    return {path: path.stat().st_mtime_ns for path in folder.glob("*/result.json")}


def test_lists_are_dimensions_and_tables_override_defaults():
    jobs = expand(
        [{"name": "a", "learning_rate": [1e-3, 1e-2], "seed": 7}, {"name": "b", "epochs": 2}],
        {"epochs": 5, "seed": [0, 1]},
    )
    assert [job.name for job in jobs] == [
        "a-learning_rate0.001-seed7",
        "a-learning_rate0.01-seed7",
        "b-seed0",
        "b-seed1",
    ]
    assert [job.config.epochs for job in jobs] == [5, 5, 2, 2]
    assert jobs[2].group == jobs[3].group == "b"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"netwrk": "tiny-cnn"}, "did you mean network"),
        ({"epochs": "five"}, r"^\[\[jobs\]\] tiny: epochs is 'five', expected an integer$"),
        ({"epochs": [1, "five"]}, "expected an integer"),
        ({"epochs": 0}, "at least 1"),
        ({"seed": []}, "empty list"),
        ({"name": "../up"}, "is not a name of a job"),
        ({"seed": [1, 1]}, "two jobs are called"),
        ({"data": 5}, "data is 5, expected a string"),
    ],
)
def test_a_mistake_is_reported_before_anything_starts(table, message):
    with pytest.raises(UsageError, match=message):
        expand([{"name": "tiny", **table}])


def test_jobs_write_models_and_a_table(jobs, tmp_path):
    results = run_jobs(jobs, tmp_path / "jobs")
    assert not any(result.failed for result in results)
    summary = write_results(results, tmp_path)
    assert summary["group"].tolist() == ["net-tiny-cnn", "net-mnist-cnn"]
    assert summary["seeds"].tolist() == [2, 2]
    table = pd.read_parquet(tmp_path / "results.parquet")
    again = pd.read_csv(tmp_path / "results.csv")
    assert table["job"].tolist() == again["job"].tolist() == sorted(job.name for job in jobs)
    both = [result.figures["test_top1"] for result in results[:2]]
    assert summary["test_top1_mean"][0] == pytest.approx(sum(both) / 2)
    assert summary["test_top1_sd"][0] == pytest.approx(abs(both[0] - both[1]) / 2**0.5)


def test_finished_jobs_are_skipped_unless_an_option_changes(jobs, shards, tmp_path):
    run_jobs(jobs, tmp_path)
    before = records(tmp_path)
    run_jobs(jobs, tmp_path)
    assert records(tmp_path) == before
    changed = expand(
        [{"name": "net", "network": ["tiny-cnn", "mnist-cnn"], "seed": 0}],
        {"data": shards, "epochs": 2, "batch_size": 64, "threads": 1},
    )
    assert all(result.figures["epochs"] == 2 for result in run_jobs(changed, tmp_path))


def test_a_job_that_fails_does_not_stop_the_others(shards, tmp_path):
    jobs = expand(
        [{"name": "gone", "data": str(tmp_path / "nowhere")}, {"name": "fine", "data": shards}],
        {"epochs": 1, "batch_size": 64, "threads": 1, "network": "tiny-cnn"},
    )
    results = run_jobs(jobs, tmp_path / "jobs")
    assert [result.failed for result in results] == [True, False]
    assert "nowhere" in results[0].error
    assert "Traceback" in (tmp_path / "jobs" / "gone-seed0" / "error.txt").read_text()
    assert summarize(results)["failed"].tolist() == [1, 0]
    write_results(results, tmp_path)
    write_jobs_page(tmp_path / "index.html", "One of two", results)
    assert "nowhere" in (tmp_path / "index.html").read_text()


@pytest.mark.slow
def test_processes_give_the_same_weights(jobs, tmp_path):
    run_jobs(jobs, tmp_path / "here")
    with process_pool(2) as pool:
        run_jobs(jobs, tmp_path / "there", executor=pool)
    assert weights(tmp_path / "here", jobs) == weights(tmp_path / "there", jobs)


@posix
def test_a_killed_batch_continues_and_ends_with_the_same_weights(shards, tmp_path, warm):
    recipe = tmp_path / "batch.toml"
    recipe.write_text(
        f"[defaults]\ndata = {json.dumps(shards)}\nthreads = 1\nbatch_size = 64\nepochs = 20\n"
        "seed = [0, 1]\n"
        '[[jobs]]\nname = "net"\nnetwork = "tiny-cnn"\n'
    )
    warm.load(*TRAIN, "quickdraw_kit.cli.recipes", "pandas")
    command = ("-m", "quickdraw_kit", "run", recipe, "--out")
    whole = warm.run(*command, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr

    jobs = tmp_path / "cut" / "jobs"
    for wanted in (1, 2):  # killed once in each job, when it has started to write
        run = warm.start(*command, tmp_path / "cut")
        while run.poll() is None and len(list(jobs.glob("*/metrics.jsonl"))) < wanted:
            time.sleep(0.01)
        run.kill_all()
    last = warm.run(*command, tmp_path / "cut")
    assert last.returncode == 0, last.stderr
    for seed in (0, 1):
        name = f"jobs/net-seed{seed}/model.safetensors"
        whole_model, cut_model = tmp_path / "whole" / name, tmp_path / "cut" / name
        assert cut_model.read_bytes() == whole_model.read_bytes()
