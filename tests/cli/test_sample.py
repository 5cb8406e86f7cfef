"""`sample` on the command line."""


def test_a_sample_is_the_same_every_time_and_can_be_prepared(cli, tmp_path):
    for name in ("a", "b"):
        assert cli("sample", tmp_path / name, "-n", 54).code == 0
    first, second = (sorted((tmp_path / name).iterdir()) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    raw = cli("sample", tmp_path / "raw", "-n", 6, "--raw", "-c", "star,sun")
    assert "6 drawings in 2 files" in raw.out
    assert "raw" in cli("inspect", tmp_path / "raw").out
    assert cli("sample", tmp_path / "c", "-c", "catt").code == 2
