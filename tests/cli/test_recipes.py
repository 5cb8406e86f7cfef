"""The commands that run recipes, on the command line."""

import json

import pytest


def test_run_and_its_dry_run(cli, tmp_path):
    recipe = tmp_path / "small.toml"
    recipe.write_text('[sample]\ndrawings = 54\n[prepare]\nsources = ["{out}/sample"]\n')
    out = tmp_path / "out"
    lines = cli("run", recipe, "--out", out, "--dry-run").out.splitlines()
    assert lines[1:] == ["sample:   drawings = 54", 'prepare:  sources = ["{out}/sample"]']
    plan = json.loads(cli("run", recipe, "--out", out, "--dry-run", "--json").out)
    assert plan["sample"]["drawings"] == 54
    assert not out.exists()
    ran = cli("run", recipe, "--out", out)
    assert ran.code == 0
    assert "54 drawings of 27 categories" in ran.out
    steps = json.loads(cli("run", recipe, "--out", out, "--json").out)["steps"]
    assert set(steps) == {"sample", "prepare"}


@pytest.fixture
def batch(tmp_path):
    recipe = tmp_path / "batch.toml"
    recipe.write_text(
        '[defaults]\ndata = "nowhere"\nseed = [0, 1, 2]\n[[jobs]]\nname = "a"\nepochs = 5\n'
    )
    return recipe


def test_a_dry_run_shows_the_settings_of_each_job(cli, batch, tmp_path):
    given = ("run", batch, "--set", "epochs=2", "--set", f"data={tmp_path}", "--dry-run")
    ran = cli(*given)
    assert ran.code == 0
    assert "jobs:     3 jobs" in ran.out
    assert f"  a-seed1: data = {tmp_path}, epochs = 2, seed = 1\n" in ran.out
    plan = json.loads(cli(*given, "--part", "2/3", "--json").out)
    [job] = plan["jobs"]
    assert (job["name"], job["settings"]["epochs"], job["settings"]["seed"]) == ("a-seed1", 2, 1)


def test_a_dry_run_fails_where_the_run_would(cli, batch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    missing = cli("run", batch, "--dry-run")
    assert missing.code == cli("run", batch).code == 1
    assert "nowhere, the data of job a-seed0, does not exist" in missing.err
    assert cli("run", batch, "--dry-run", "--part", "9/8").code == 2
    (tmp_path / "p.toml").write_text('[prepare]\nsources = ["nowhere.ndjson"]\n')
    assert cli("run", "p.toml", "--dry-run").code == cli("run", "p.toml").code == 2


def test_a_recipe_with_a_mistake_starts_nothing(cli, tmp_path):
    recipe = tmp_path / "bad.toml"
    recipe.write_text("[sample]\ndrawing = 54\n")
    ran = cli("run", recipe, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "did you mean drawings" in ran.err
    assert not (tmp_path / "out").exists()
