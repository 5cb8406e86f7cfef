"""Two runs into one folder at once: the data set is complete, and the second run is refused."""

from quickdraw_kit.synthetic.generator import write_sample
from tests.faults.disks import content, run

SUFFIXES = (".npy", ".parquet", ".json", ".csv")


def test_two_prepares(tmp_path, tally, warm):
    write_sample(tmp_path / "sample", drawings=2_000, categories=["circle", "line"])

    def command(name: str):
        return [
            "prepare",
            str(tmp_path / "sample"),
            "--out",
            str(tmp_path / name),
            "--workers",
            "1",
        ]

    assert run(warm, command("alone"), temporary=tmp_path).returncode == 0
    expected = content(tmp_path / "alone", SUFFIXES)
    counts = tally("two prepares into one folder")
    for name in ("first", "second"):
        processes = [warm.start("-m", "quickdraw_kit", *command(name)) for _ in range(2)]
        codes = [process.wait() for process in processes]
        messages = [process.stderr for process in processes]
        assert 0 in codes, messages
        for code, err in zip(codes, messages, strict=True):
            assert code in (0, 1, 2), err
            assert "Traceback" not in err
            assert code == 0 or str(tmp_path / name) in err
        assert content(tmp_path / name, SUFFIXES) == expected
        counts.add("one at a time" if codes == [0, 0] else "one refused with a reason")
