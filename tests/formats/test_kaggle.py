import csv
import gzip
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError, MalformedLineError
from quickdraw_kit.formats import kaggle
from quickdraw_kit.formats.kaggle import iter_kaggle_csv, read_kaggle_csv, scan_csv
from quickdraw_kit.formats.ndjson.chunks import iter_chunks
from quickdraw_kit.formats.ndjson.files import read_ndjson, write_ndjson
from tests.strokes.strategies import batches

COLUMNS = ["countrycode", "drawing", "key_id", "recognized", "timestamp", "word"]
HEADER = ",".join(COLUMNS) + "\n"
ROW = {
    "countrycode": "US",
    "drawing": "[[[167, 109, 80], [140, 194, 227]], [[1], [2]]]",
    "key_id": "5152802093400064",
    "recognized": "True",
    "timestamp": "2017-03-08 21:12:07.266040",
    "word": "airplane",
}


def table(rows, columns=COLUMNS, **style):
    text = io.StringIO()
    writer = csv.DictWriter(
        text, columns, lineterminator=style.pop("lineterminator", "\n"), **style
    )
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def row_of(line):
    """The row that Kaggle has for an official line."""
    document = json.loads(line)
    document["drawing"] = json.dumps(document["drawing"])
    document["timestamp"] = document["timestamp"].removesuffix(" UTC")
    return document


@pytest.fixture
def write(tmp_path):
    def write(data, name="airplane.csv"):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    return write


@given(
    batches(words=("cat", "hot dog", 'say "a, b"', "ünï")),
    st.permutations(COLUMNS),
    st.sampled_from([{}, {"quoting": csv.QUOTE_ALL}, {"lineterminator": "\r\n"}]),
)
def test_same_drawings_as_ndjson(tmp_path_factory, batch, columns, style):
    folder = tmp_path_factory.mktemp("kaggle")
    write_ndjson(batch, folder / "drawings.ndjson")
    lines = (folder / "drawings.ndjson").read_text("utf-8").splitlines()
    (folder / "drawings.csv").write_bytes(table(map(row_of, lines), columns, **style))
    assert read_kaggle_csv(folder / "drawings.csv").equals(batch)


def test_real_drawings_are_the_same_as_from_ndjson(real_data, write):
    source = real_data / "quickdraw" / "simplified" / "bowtie.ndjson"
    rows = map(row_of, source.read_text().splitlines())
    assert read_kaggle_csv(write(table(rows))).equals(read_ndjson(source))


def test_raw_drawings_are_read_as_raw(real_data, write):
    source = real_data / "quickdraw" / "raw" / "cat.ndjson"
    rows = map(row_of, source.read_text().splitlines())
    assert read_kaggle_csv(write(table(rows))).equals(read_ndjson(source))


@pytest.mark.parametrize(
    "changed",
    [
        {"drawing": "[[[1, 2], [3]]]"},
        {"drawing": "[[[1, 2], [3, NaN]]]"},
        {"drawing": "[[1, 2], [3, 4]]"},
        {"drawing": "[[[1 0], [3]]]"},
        {"drawing": "[[[], []]]"},
        {"drawing": "[]"},
        {"drawing": "null"},
    ],
    ids=str,
)
def test_reasons_are_those_of_ndjson(write, changed):
    row = {**ROW, **changed}
    expected, rejects = [], []
    read_ndjson(b"".join(map(ndjson_line, (ROW, row, ROW))), on_reject=expected.append)
    batch = read_kaggle_csv(write(table([ROW, row, ROW])), on_reject=rejects.append)
    assert len(batch) == 2
    assert [one.reason for one in rejects] == [one.reason for one in expected]
    assert rejects[0].line == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"countrycode": "USA"},
        {"key_id": "-5"},
        {"key_id": "12.5"},
        {"key_id": str(2**64)},
        {"recognized": "maybe"},
        {"timestamp": "yesterday"},
        {"timestamp": "2017-02-30 21:12:07"},
    ],
    ids=str,
)
def test_a_wrong_value_is_unknown_as_in_ndjson(write, changed):
    row = {**ROW, **changed}
    expected = read_ndjson(b"".join(map(ndjson_line, (ROW, row, ROW))))
    batch = read_kaggle_csv(write(table([ROW, row, ROW])))
    assert batch.equals(expected)
    [name] = changed
    known = {
        "countrycode": batch.countrycode != b"",
        "key_id": batch.key_id_known,
        "recognized": batch.recognized_known,
        "timestamp": ~np.isnat(batch.timestamp),
    }
    assert known[name].tolist() == [True, False, True]


def ndjson_line(row) -> bytes:
    stamp = row["timestamp"] + " UTC"
    flag = {"True": "true", "False": "false"}.get(row["recognized"], json.dumps(row["recognized"]))
    line = (
        f'{{"word":{json.dumps(row["word"])},"countrycode":"{row["countrycode"]}",'
        f'"timestamp":"{stamp}","recognized":{flag},"key_id":"{row["key_id"]}",'
        f'"drawing":{row["drawing"].replace(", ", ",")}}}\n'
    )
    return line.encode()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"US,cat", "the row has 2 fields, the header 6"),
        (b'US,"[[[1],[2]]]",1,True,2017-03-08 21:12:07,cat,more', "7 fields"),
        (b'US,"[[[1],[2]]],1,True,2017-03-08 21:12:07,cat', "an unclosed or misplaced quote"),
        (b'US,"[[[1],[2]]]"x,1,True,2017-03-08 21:12:07,cat', "an unclosed or misplaced quote"),
        (b'US,"[[[1],[2]]],""word"":""dog""",1,True,2017-03-08 21:12:07,cat', "drawing has a"),
        (b'US,"[[[1],[2]]]",1,True,2017-03-08 21:12:07,c\xff', "byte 0xff is not UTF-8"),
        (b'US,,1,True,2017-03-08 21:12:07,cat', "drawing is null"),
    ],
)  # fmt: skip
def test_invalid_rows_are_reported_with_their_position(write, row, reason):
    good = table([ROW])
    rejects = []
    batch = read_kaggle_csv(
        write(good + row + b"\n\n" + good[len(HEADER) :]), on_reject=rejects.append
    )
    assert len(batch) == 2
    (reject,) = rejects
    assert reason in reject.reason
    assert (reject.line, reject.offset, reject.length) == (3, len(good), len(row))
    with pytest.raises(MalformedLineError, match=r"airplane\.csv, line 3"):
        read_kaggle_csv(write(good + row))


def test_rejects_are_in_order_over_many_chunks(write, monkeypatch):
    small = lambda file, **settings: iter_chunks(file, chunk_bytes=300, **settings)  # noqa: E731
    monkeypatch.setattr(kaggle, "iter_chunks", small)
    rows = [{**ROW, "key_id": str(number)} for number in range(50)]
    for row in rows[::3]:
        row["drawing"] = "[]"
    rows[10]["word"] = "long" * 500
    data = table(rows)
    rejects = []
    with io.BytesIO(data) as file:
        scans = list(
            scan_csv(file, source_name="a.csv", on_reject=rejects.append, max_line_bytes=1000)
        )
    assert len(scans) > 5
    lines = data.splitlines()
    starts = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    assert [one.line for one in rejects] == sorted([12, *(2 + n for n in range(0, 50, 3))])
    assert [one.offset for one in rejects] == [starts[one.line - 1] for one in rejects]
    for scan in scans:
        for offset, length, line, key in zip(
            scan.offset, scan.length, scan.line, scan.batch.key_id, strict=True
        ):
            assert (offset, length) == (starts[line - 1], len(lines[line - 1]))
            assert key == line - 2


@pytest.mark.parametrize(
    "data", ["", "\n", "key_id,countrycode,word\n", '"countrycode\n', "x" * (17 << 20)]
)
def test_missing_columns(write, data):
    with pytest.raises(
        DataError, match=r"has no column drawing: expected a header with countrycode"
    ):
        read_kaggle_csv(write(data))


def test_empty_table_and_compression(write):
    assert len(read_kaggle_csv(write(HEADER))) == 0
    data = table([ROW] * 3)
    assert read_kaggle_csv(write(gzip.compress(data))).equals(read_kaggle_csv(write(data)))
    assert [len(batch) for batch in iter_kaggle_csv(write(b"\xef\xbb\xbf" + data))] == [3]


@given(st.sets(st.sampled_from([name for name in COLUMNS if name != "drawing"])), st.booleans())
def test_missing_columns_and_empty_fields_are_unknown(tmp_path_factory, names, as_columns):
    path = tmp_path_factory.getbasetemp() / "rows.csv"  # "table" is a category
    rows = [{**ROW, "key_id": str(number)} for number in range(2)]
    if as_columns:
        columns = [name for name in COLUMNS if name not in names]
        fields = [[row[name] for name in columns] for row in rows]
    else:
        columns = COLUMNS
        fields = [["" if name in names else row[name] for name in columns] for row in rows]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *fields])
    table = read_kaggle_csv(path).to_arrow()
    for name in COLUMNS:
        if name != "drawing":
            assert table[name].null_count == (2 if name in names else 0), name
