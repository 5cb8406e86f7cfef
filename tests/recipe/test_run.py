"""Recipes run again only from the step that has changed."""

import pytest

from quickdraw_kit.errors import DataError
from quickdraw_kit.recipe.load import demo_recipe, load_recipe
from quickdraw_kit.recipe.run import check_inputs, run_recipe

SMALL = """
title = "small"
[sample]
drawings = 216
[prepare]
sources = ["{out}/sample"]
"""


@pytest.fixture
def recipe(tmp_path):
    def write(text: str):
        path = tmp_path / "recipe.toml"
        path.write_text(text)
        return load_recipe(path)

    return write


def test_finished_steps_are_skipped(recipe, tmp_path):
    out = tmp_path / "out"
    first = run_recipe(recipe(SMALL), out)
    assert set(first.steps) == {"sample", "prepare"}
    manifest = out / "shards" / "manifest.json"
    before = manifest.stat().st_mtime_ns
    assert run_recipe(recipe(SMALL), out) == first
    assert manifest.stat().st_mtime_ns == before
    changed = run_recipe(recipe(SMALL + "max_per_category = 2\n"), out)
    assert changed.steps["sample"] == first.steps["sample"]
    assert changed.steps["prepare"] != first.steps["prepare"]


def test_a_change_runs_the_later_steps_again(recipe, tmp_path):
    out = tmp_path / "out"
    run_recipe(recipe(SMALL), out)
    again = run_recipe(recipe(SMALL.replace("216", "243")), out)
    assert again.steps["prepare"].startswith("243 drawings")


def test_other_training_options_replace_the_model(recipe, tmp_path):
    training = '[train]\nnetwork = "tiny-cnn"\nbatch_size = 64\nthreads = 1\nepochs = '
    for epochs in (1, 2):
        done = run_recipe(recipe(f"{SMALL}{training}{epochs}\n"), tmp_path / "out")
        assert f"{epochs} epoch" in done.steps["train"]


@pytest.mark.slow
def test_the_demo_writes_a_page_with_pictures_and_a_model_that_has_learned(tmp_path):
    result = run_recipe(demo_recipe(), tmp_path / "demo")
    page = result.page.read_text("utf-8")
    assert page.count("data:image/png;base64,") >= 5
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    accuracy = float(result.steps["train"].rsplit(" in training, ")[1].split("%")[0])
    assert accuracy > 80
    assert (tmp_path / "demo" / "model" / "model.safetensors").exists()


def test_a_recipe_downloads_and_splits_by_a_list(tmp_path, monkeypatch):
    from quickdraw_kit.shards.manifest import load_manifest
    from tests.conftest import official_line

    folder = tmp_path / "mirror" / "simplified"
    folder.mkdir(parents=True)
    (folder / "cat.ndjson").write_bytes(b"".join(official_line(i) for i in range(50)))
    (tmp_path / "ids.json").write_text('{"test": [3, 4]}')
    monkeypatch.setenv("QUICKDRAW_KIT_HOME", str(tmp_path / "home"))
    path = tmp_path / "recipe.toml"
    path.write_text(
        f"""
        [prepare]
        sources = ["cat"]
        download = true
        keep_source = false
        mirror = "{tmp_path}/mirror"
        split_ids = "{tmp_path}/ids.json"
        unlisted = "train"
        """
    )
    run_recipe(load_recipe(path), tmp_path / "out")
    assert load_manifest(tmp_path / "out" / "shards").rows == {
        "train": 48,
        "validation": 0,
        "test": 2,
    }
    assert not (tmp_path / "home").exists()


def test_inputs_are_checked(recipe, tmp_path):
    check_inputs(demo_recipe(), tmp_path)
    with pytest.raises(DataError, match="nowhere, the data of job a-seed0, does not exist"):
        check_inputs(recipe("[[jobs]]\nname = 'a'\ndata = 'nowhere'"), tmp_path)
    with pytest.raises(DataError, match="job a-seed0 has no data"):
        check_inputs(recipe("[[jobs]]\nname = 'a'"), tmp_path)
