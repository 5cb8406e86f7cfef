"""The commands on finished data sets, on the command line."""

import json

import pytest

from tests.conftest import official_line


@pytest.fixture
def drawings(write_lines):
    lines = [official_line(i, ["cat", "dog"][i % 2]) for i in range(200)]
    return write_lines("in/pets.ndjson", lines).parent


def test_prepare_verify_and_histogram(cli, drawings, tmp_path):
    out = tmp_path / "shards"
    ran = cli("prepare", drawings, "--out", out)
    assert ran.code == 0
    assert "200 drawings of 2 categories" in ran.out
    assert "all is well" in cli("verify", out).out
    bars = cli("histogram", out).out
    assert "cat" in bars
    assert "100" in bars
    counts = json.loads(cli("histogram", out, "--json").out)
    assert counts["categories"] == {"cat": 100, "dog": 100}
    for suffix, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".csv", b"category,")):
        picture = tmp_path / f"histogram{suffix}"
        assert cli("histogram", out, "--out", picture).code == 0
        assert picture.read_bytes().startswith(magic)
    assert cli("histogram", out, "--out", tmp_path / "histogram.bmp").code == 2


def test_verify_names_the_file_and_exits_with_1(cli, drawings, tmp_path):
    out = tmp_path / "shards"
    cli("prepare", drawings, "--out", out)
    victim = next(out.glob("train*.images.npy"))
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    ran = cli("verify", out)
    assert ran.code == 1
    assert victim.name in ran.err
    result = json.loads(cli("verify", out, "--json").out)
    assert not result["ok"]
    assert victim.name in result["problems"][0]
