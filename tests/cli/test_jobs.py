"""The commands that run recipes, from the shell's side."""

import json


def test_run_and_its_dry_run(cli, tmp_path):
    recipe = tmp_path / "small.toml"
    recipe.write_text('[sample]\ndrawings = 54\n[prepare]\nsources = ["{out}/sample"]\n')
    out = tmp_path / "out"
    plan = json.loads(cli("run", recipe, "--out", out, "--dry-run").out)
    assert plan["sample"]["drawings"] == 54
    assert not out.exists()
    ran = cli("run", recipe, "--out", out)
    assert ran.code == 0
    assert "54 drawings of 27 categories" in ran.out
    steps = json.loads(cli("run", recipe, "--out", out, "--json").out)["steps"]
    assert set(steps) == {"sample", "prepare"}


def test_a_recipe_with_a_mistake_starts_nothing(cli, tmp_path):
    recipe = tmp_path / "bad.toml"
    recipe.write_text("[sample]\ndrawing = 54\n")
    ran = cli("run", recipe, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "did you mean drawings" in ran.err
    assert not (tmp_path / "out").exists()
