"""The plan: chunks cover every source once, and a run is resumed only with the same plan."""

from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.prepare.plan import plan_prepare
from tests.conftest import official_line


def test_chunks_cover_each_source_once(tmp_path, write_lines):
    path = write_lines("in/cat.ndjson", [b"x" * 99 + b"\n"])
    write_lines("in/empty.ndjson", [])
    plan = plan_prepare([path.parent], tmp_path / "out", chunk_bytes=40)
    assert [(chunk.source, chunk.start, chunk.stop) for chunk in plan.chunks] == [
        (0, 0, 40),
        (0, 40, 80),
        (0, 80, 100),
        (1, 0, 0),
    ]
    assert [chunk.number for chunk in plan.chunks] == [0, 1, 2, 3]


def test_the_estimate_is_close_and_bounded_by_max_per_category(tmp_path, write_lines):
    path = write_lines("cat.ndjson", [official_line(key) for key in range(1000)])
    assert 900 < plan_prepare([path], tmp_path / "out").drawings < 1100
    filters = Filters(categories=("cat",), max_per_category=10)
    assert plan_prepare([path], tmp_path / "out", filters=filters).drawings == 10


def test_a_plan_describes_what_a_resumed_run_must_share(tmp_path, write_lines):
    path = write_lines("cat.ndjson", [official_line(1)])
    first = plan_prepare([path], tmp_path / "out").describe()
    assert plan_prepare([path], tmp_path / "elsewhere").describe() == first
    path.write_bytes(official_line(2) * 2)
    assert plan_prepare([path], tmp_path / "out").describe() != first
