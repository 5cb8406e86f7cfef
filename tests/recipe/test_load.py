"""Recipes are checked as a whole before anything starts."""

from pathlib import Path

import pytest

from quickdraw_kit.errors import UsageError
from quickdraw_kit.recipe.load import demo_recipe, load_recipe, planned_jobs


@pytest.fixture
def load(tmp_path):
    def write_and_load(text: str, **options):
        path = tmp_path / "recipe.toml"
        path.write_text(text)
        return load_recipe(path, **options)

    return write_and_load


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sample", "is not TOML"),
        ("title = " + "[" * 3000, "lists are nested too deeply"),
        ("title = 3", "title is 3, expected a string"),
        ("sample = 3", r"\[sample\] is 3, expected a table"),
        ("jobs = 3", r"expected a list of them: \[\[jobs\]\]"),
        ("[sampel]\n", "unknown key 'sampel': did you mean sample"),
        ("[sample]\ndrawings = 0", r"\[sample\] drawings is 0, expected at least 1"),
        ("[prepare]\nsources = ['x']\nmax_per_categry = 5", r"\[prepare\] has no option 'max_per"),
        ("[prepare]\n", r"\[prepare\] sources is missing"),
        ("[prepare]\nsources = ['x']\nmax_per_category = 'five'", "is 'five', expected an integer"),
        ("[prepare]\nsources = ['x']\ncategories = ['catt']", "did you mean cat"),
        ("[prepare]\nsources = ['x']\nformat = 'hdf5'", "expected one of npy, parquet"),
        ("[prepare]\nsources = ['x']\nside = 0", r"\[prepare\] side is 0, expected 1 to 1024"),
        ("[prepare]\nsources = ['x']\nsplit = {train = 0.5}", "sum to 0.5"),
        ("[prepare]\nsources = ['x']\nsplit = 'position'", "split is 'position', expected a table"),
        ("[prepare]\nsources = ['x']\nvariant = 'svg'", "expected one of simplified, raw"),
        ("[prepare]\nsources = ['x']\nby = 'ids'", "has no option 'by'"),
        ("[prepare]\nsources = ['x']\nkeep_source = false", "needs download"),
        ("[prepare]\nsources = ['x']\nunlisted = 'test'", "needs split_ids"),
        ("[prepare]\nsources = ['x']\n[train]\nepochs = 0", r"\[train\] epochs is 0, expected at"),
        ("[prepare]\nsources = ['x']\n[train]\nout = 'x'", r"\[train\] out is set by the recipe"),
        ("[train]\n", "needs .prepare."),
        ("[report]\n", "needs .prepare."),
        ("[defaults]\nepochs = 1", "there are no jobs"),
        ("[[jobs]]\nepochs = 0", r"\[\[jobs\]\] job: epochs is 0, expected at least 1"),
        ("[[jobs]]\nout = 'x'", r"\[\[jobs\]\] out is set by the recipe"),
    ],
)
def test_a_mistake_is_reported_before_anything_starts(load, text, message):
    with pytest.raises(UsageError, match=message) as caught:
        load(text)
    assert "recipe.toml" in str(caught.value)


def test_a_missing_recipe(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        load_recipe(tmp_path / "nothing.toml")


def test_overrides_replace_the_options_of_all_jobs(load):
    text = "[defaults]\nseed = [0, 1]\n[[jobs]]\nepochs = 5"
    recipe = load(text, overrides=["epochs=2", "data=folder"])
    jobs = planned_jobs(recipe, Path("out"))
    assert [(job.config.epochs, job.config.data) for job in jobs] == [(2, "folder")] * 2
    with pytest.raises(UsageError, match="expected name=value"):
        load(text, overrides=["epochs"])
    with pytest.raises(UsageError, match="no option 'epoch'"):
        load(text, overrides=["epoch=2"])
    with pytest.raises(UsageError, match=r"no \[\[jobs\]\]"):
        load("", overrides=["epochs=2"])


def test_folders_in_jobs_are_filled_in(load, monkeypatch, tmp_path):
    monkeypatch.setenv("QUICKDRAW_KIT_HOME", str(tmp_path))
    recipe = load("[[jobs]]\nname = 'a'\ndata = ['{out}/shards', '{data_home}/simplified']")
    data = [job.config.data for job in planned_jobs(recipe, Path("out"))]
    assert data == ["out/shards", f"{tmp_path}/simplified"]


def test_the_demo():
    recipe = demo_recipe()
    assert recipe.train.network == "tiny-cnn"
    assert planned_jobs(recipe, Path("out")) == ()
