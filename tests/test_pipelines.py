"""The recipes that come with the package are valid, and so are the templates for clusters."""

import subprocess
from pathlib import Path

import pytest
import yaml

from quickdraw_kit.recipe.load import load_recipe, planned_jobs
from tests.conftest import posix

PIPELINES = Path(__file__).parent.parent / "pipelines"


@pytest.mark.parametrize("path", sorted(PIPELINES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_recipe_is_valid(path):
    recipe = load_recipe(path)
    if recipe.jobs is not None:
        assert planned_jobs(recipe, Path("out"))


@posix
def test_the_slurm_script_is_valid():
    subprocess.run(["bash", "-n", PIPELINES / "slurm.sbatch"], check=True)


def test_the_kubernetes_job_runs_every_part():
    job = yaml.safe_load((PIPELINES / "kubernetes.yaml").read_text())
    parts = job["spec"]["completions"]
    assert job["spec"]["parallelism"] <= parts
    command = job["spec"]["template"]["spec"]["containers"][0]["args"][0]
    assert f"JOB_COMPLETION_INDEX + 1))/{parts}" in command
