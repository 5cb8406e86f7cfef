"""The commands on drawings, on the command line."""

import json

import numpy as np

from tests.conftest import official_line


def test_categories_are_listed_and_searched(cli):
    everything = cli("categories").out.splitlines()
    assert len(everything) == 345
    assert everything[0].split() == ["0", "aircraft", "carrier"]
    assert [entry["name"] for entry in json.loads(cli("categories", "tower", "--json").out)] == [
        "The Eiffel Tower"
    ]
    assert "giraffe" in cli("categories", "girafe").out
    assert cli("categories", "qqqqq").code == 1


def test_inspect_summarizes_a_file(cli, write_lines, tmp_path):
    lines = [official_line(i, country="US" if i % 4 else "BR") for i in range(40)]
    path = write_lines("cat.ndjson", [*lines, b"broken\n"])
    text = cli("inspect", path).out
    assert "1 file of simplified" in text
    assert "40 drawings of 1 category, 100.0% recognized" in text
    assert "US 30, BR 10" in text
    assert "not JSON" in text
    inspection = json.loads(cli("inspect", path, "--json").out)
    assert inspection["categories"] == {"cat": 40}
    assert inspection["strokes"] == {
        "mean": 2.0,
        "quantiles": {str(q): 2 for q in (0, 5, 25, 50, 75, 95, 100)},
    }
    assert sum(inspection["rejects"].values()) == 1


def test_inspect_draws(cli, write_lines, tmp_path):
    path = write_lines("cat.ndjson", [official_line(i) for i in range(40)])
    assert "\u28ff" in cli("inspect", path, "--preview", 2).out or any(
        0x2800 < ord(letter) < 0x2900 for letter in cli("inspect", path, "--preview", 2).out
    )
    sheet = tmp_path / "sheet.png"
    assert cli("inspect", path, "--sheet", sheet).code == 0
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_inspect_of_bitmaps(cli, tmp_path):
    np.save(tmp_path / "cat.npy", np.zeros((7, 784), np.uint8))
    inspection = json.loads(cli("inspect", tmp_path / "cat.npy", "--json").out)
    assert (inspection["drawings"], inspection["categories"]) == (7, {"cat": 7})
    assert "recognized" not in cli("inspect", tmp_path / "cat.npy").out


def test_inspect_counts_recognized_drawings_among_those_for_which_it_is_known(
    cli, write_lines, tmp_path
):
    path = write_lines("cat.ndjson", [official_line(i, recognized=i > 0) for i in range(4)])
    np.save(tmp_path / "dog.npy", np.zeros((7, 784), np.uint8))
    assert "75.0% recognized of the 4 for which it is known" in cli("inspect", tmp_path).out
    assert cli("convert", path, tmp_path / "cat.npz", "--allow-loss").code == 0
    assert "recognized" not in cli("inspect", tmp_path / "cat.npz").out


def test_inspect_of_a_missing_file(cli):
    ran = cli("inspect", "nowhere/cat.ndjson")
    assert (ran.code, "does not exist" in ran.err) == (2, True)


def test_convert_and_back(cli, write_lines, tmp_path):
    path = write_lines("cat.ndjson", [official_line(i) for i in range(20)])
    parquet, back = tmp_path / "cat.parquet", tmp_path / "back.ndjson"
    assert "20 drawings" in cli("convert", path, parquet).out
    assert cli("convert", parquet, back).code == 0
    assert back.read_bytes() == path.read_bytes()
    lossy = cli("convert", path, tmp_path / "cat.bin")
    assert lossy.code == 2
    assert "fractions" in lossy.err
    assert "lost" in cli("convert", path, tmp_path / "cat.bin", "--allow-loss").out
    assert "20 drawings\n" in cli("convert", path, tmp_path / "cat.npy").out
    assert cli("convert", path, tmp_path / "cat.svg", "--index", -1).code == 2
    for suffix, magic in ((".svg", b"<?xml"), (".png", b"\x89PNG"), (".gif", b"GIF8")):
        picture = tmp_path / f"drawing{suffix}"
        drawn = cli("convert", path, picture, "--index", 3)
        assert drawn.out == f"{picture}: 1 drawing; number 3 of 20, counted from 0\n"
        assert picture.read_bytes().lstrip().startswith((magic, b"<svg"))


def test_convert_reads_standard_input(cli, write_lines, tmp_path, monkeypatch):
    source = write_lines("cat.ndjson", [official_line(1), official_line(2)])
    with source.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert cli("convert", "-", tmp_path / "cat.parquet").code == 0
    assert "2 drawings" in cli("convert", tmp_path / "cat.parquet", tmp_path / "b.ndjson").out


def test_convert_skips_bad_lines_only_on_request(cli, write_lines, tmp_path):
    path = write_lines("cat.ndjson", [official_line(1), b"broken\n", official_line(2)])
    refused = cli("convert", path, tmp_path / "cat.arrow")
    assert refused.code == 1
    assert "line 2" in refused.err
    assert "convert --skip-bad" in refused.err
    assert not (tmp_path / "cat.arrow").exists()
    skipped = cli("convert", path, tmp_path / "cat.arrow", "--skip-bad")
    assert "2 drawings; skipped 1 bad line" in skipped.out
    assert "line 2" in skipped.err


def test_a_file_of_invalid_lines_is_a_failure_with_the_reasons(cli, write_lines):
    path = write_lines("cat.ndjson", [b"broken %d\n" % number for number in range(30)])
    for options in ((), ("--json",)):
        ran = cli("inspect", path, *options)
        assert ran.code == 1
        assert ran.out.count("not JSON") == 1  # one reason, whatever the values
        assert "no drawing was found: 30 lines are not valid" in ran.err


def test_a_preview_of_flawed_drawings_is_refused(cli, write_lines):
    path = write_lines("cat.ndjson", [official_line(1)])
    ran = cli("inspect", path, "--quality", "--preview", 3)
    assert ran.code == 2
    assert "--preview does nothing with --quality" in ran.err
