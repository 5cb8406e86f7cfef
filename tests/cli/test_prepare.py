"""The command `prepare`, on the command line."""

import json

import pytest

from tests.conftest import official_line


@pytest.fixture
def drawings(write_lines):
    lines = [official_line(i, ["cat", "dog"][i % 2]) for i in range(200)]
    return write_lines("in/pets.ndjson", lines).parent


def test_a_dry_run_writes_nothing(cli, drawings, tmp_path):
    out = tmp_path / "shards"
    ran = cli("prepare", drawings, "--out", out, "--dry-run")
    assert ran.code == 0
    assert "pets.ndjson" in ran.out
    assert not out.exists()
    plan = json.loads(cli("prepare", drawings, "--out", out, "--dry-run", "--json").out)
    assert 150 <= plan["drawings"] <= 250
    assert plan["sources"][0]["name"] == "pets.ndjson"
    assert not plan["finished"]


def test_a_dry_run_fails_where_the_run_would(cli, drawings, tmp_path):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.doc").touch()
    other, ids = tmp_path / "other", tmp_path / "ids.csv"
    ids.write_text("key_id,split\n" + "".join(f"{i},train\n" for i in range(200)))
    assert cli("prepare", drawings, "--out", other, "--split-ids", ids).code == 0
    for out in (tmp_path / "foreign", other, f"file://{other}"):
        ran, dry = (cli("prepare", drawings, "--out", out, *more) for more in ((), ("--dry-run",)))
        assert (ran.code, ran.err) == (dry.code, dry.err)
        assert ran.code == 2
    again = cli("prepare", drawings, "--out", other, "--split-ids", ids, "--dry-run")
    assert (again.code, "there is nothing to do" in again.out) == (0, True)
    assert cli("prepare", drawings, "--out", other, "--overwrite", "--dry-run").code == 0
    assert cli("prepare", drawings, "--out", "memory://dry", "--dry-run").code == 0


def test_filters_are_reported(cli, drawings, tmp_path):
    ran = cli("prepare", drawings, "-o", tmp_path / "o", "-c", "cat", "--max-per-category", 30)
    assert "30 drawings of 1 category" in ran.out
    assert "filtered: 100 category, 70 limit" in ran.out
    result = json.loads(
        cli(
            "prepare",
            drawings,
            "-o",
            tmp_path / "p",
            "-c",
            "cat",
            "--max-per-category",
            30,
            "--json",
        ).out
    )
    assert result["written"] == 30
    assert sum(result["rows"].values()) == 30


def test_rejected_lines_are_reported_with_their_file(cli, drawings, tmp_path, write_lines):
    write_lines("in/bad.ndjson", [b"{}\n"])
    ran = cli("prepare", drawings, "--out", tmp_path / "o")
    assert ran.code == 0
    assert "rejected: 1 malformed (see" in ran.out
    ran = cli("prepare", drawings, "--out", tmp_path / "p", "--max-reject-rate", 0)
    assert ran.code == 1
    assert "bad.ndjson" in ran.err


@pytest.fixture
def mirror(drawings, tmp_path, monkeypatch):
    """A folder with the layout of the official bucket, and an empty data home."""
    folder = tmp_path / "mirror" / "full" / "simplified"
    folder.mkdir(parents=True)
    for word in ("cat", "dog"):
        lines = [official_line(i, word) for i in range({"cat": 0, "dog": 100}[word], 160)]
        (folder / f"{word}.ndjson").write_bytes(b"".join(lines))
    monkeypatch.setenv("QUICKDRAW_KIT_HOME", str(tmp_path / "home"))
    return tmp_path / "mirror"


def test_prepare_downloads_on_request(cli, mirror, tmp_path):
    ran = cli("prepare", "cat", "-o", tmp_path / "out")
    assert ran.code == 2
    assert "'cat' is not downloaded" in ran.err
    given = ("cat", "--download", "--mirror", mirror, "-o", tmp_path / "out")
    plan = cli("prepare", *given, "--dry-run").out
    assert "cat.ndjson  to download" in plan
    assert "MB of them to download" in plan
    assert (
        json.loads(cli("prepare", *given, "--dry-run", "--json").out)["bytes_to_download"] > 10_000
    )
    assert "160 drawings of 1 category" in cli("prepare", *given, "--no-keep-source").out
    assert not (tmp_path / "home").exists()
    cli("prepare", *given, "--overwrite")
    assert (tmp_path / "home" / "simplified" / "cat.ndjson").exists()
    assert cli("prepare", "cat", "-o", tmp_path / "again").code == 0
    for wrong, message in (
        (["catt", "--download"], "did you mean cat"),
        (["cat", "--no-keep-source"], "--download"),
        (["cat", "--all"], "--all"),
        ([], "--all"),
        (["cat", "--variant", "svg"], "simplified, raw"),
        (["cat", "--unlisted", "test"], "--split-ids"),
    ):
        ran = cli("prepare", *wrong, "-o", tmp_path / "wrong")
        assert ran.code == 2
        assert message in ran.err


def test_splits_of_papers(cli, drawings, tmp_path):
    (drawings / "pets.ndjson").write_bytes(b"".join(official_line(i) for i in range(75)))
    ran = cli("prepare", drawings, "-o", tmp_path / "a", "--split", "sketch-rnn")
    assert "75 train" in ran.out
    ids = tmp_path / "ids.csv"
    ids.write_text("key_id,split\n3,test\n")
    ran = cli("prepare", drawings, "-o", tmp_path / "b", "--split-ids", ids)
    assert "(1 test)" in ran.out
    assert "filtered: 74 split" in ran.out
    ran = cli("prepare", drawings, "-o", tmp_path / "c", "--split-ids", ids, "--unlisted", "train")
    assert "(74 train, 1 test)" in ran.out
