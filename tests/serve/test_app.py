"""The API from a plain client: responses, headers, and what is rejected."""

import base64
import json
import urllib.error
import urllib.request

import numpy as np
import pytest

from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.serve.app import AppConfig
from quickdraw_kit.serve.requests import read_drawing
from quickdraw_kit.serve.runs import find_runs
from quickdraw_kit.strokes.simplify import simplify

pytestmark = pytest.mark.xdist_group("serve")  # one server

LINE = {"strokes": [[[10, 200.5, 200], [10, 10, 180], [0, 30, 60]]]}


def call(url, path, body=None, **headers):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    content_type = {"content-type": "application/json"} if data is not None else {}
    request = urllib.request.Request(
        url + path.lstrip("/"),
        data,
        {**content_type, **{k.replace("_", "-"): v for k, v in headers.items()}},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read(), response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def test_guess_uses_the_official_bitmap(server):
    status, body, _ = call(server.url, "/api/guess", LINE)
    description = json.loads(body)
    assert status == 200
    expected = rasterize(simplify(read_drawing(json.dumps(LINE).encode())))[0]
    seen = np.frombuffer(base64.b64decode(description["image"]), np.uint8).reshape(28, 28)
    assert np.array_equal(seen, expected)
    assert len(description["guesses"]) == 5


def test_every_response_has_security_headers(server):
    for path in ("/", "/static/app.js", "/api/about", "/nothing", "/api/runs"):
        _, _, headers = call(server.url, path)
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 400),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"content_type": "text/plain"}, 403),
    ],
)
def test_other_hosts_and_origins_are_rejected(server, headers, status):
    assert call(server.url, "/api/guess", LINE, **headers)[0] == status


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/..%2fapp.py", "/../../etc/passwd", "/static//etc/passwd",
        "/static/app.py", "/report?run=../../etc/passwd", "/report?run=", "/report",
        "/api/collections/99", "/api/collections/0/drawings/99999999",
        "/api/collections/0/drawings/99999999/neighbors",
        "/api/collections/0/drawings/99999999/image",
        "/api/collections/9/tiles", "/api/collections/-1/tiles",
    ],
)  # fmt: skip
def test_nothing_else_is_served(server, path):
    status, body, _ = call(server.url, path)
    assert status == 404
    assert b"root:" not in body


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b'{"strokes": 5}', 422),
        (b'{"strokes": [[[1e99], [0], [0]]]}', 422),
        (b"x" * (2 << 20), 422),
    ],
)
def test_invalid_drawings_are_rejected_with_a_reason(server, body, status):
    actual, content, _ = call(server.url, "/api/guess", body)
    assert actual == status
    assert json.loads(content)["error"]


@pytest.mark.parametrize("query", ["start=-1", "count=9999999", "start=x", "count=-4"])
def test_ranges_of_tiles_are_checked(server, query):
    assert call(server.url, f"/api/collections/0/tiles?{query}")[0] == 422


def test_tiles_are_row_numbers_and_pixels(server):
    _, body, headers = call(
        server.url, "/api/collections/1/tiles?category=star&split=train&start=2&count=5"
    )
    rows = np.frombuffer(body[: 4 * 5], "<i4")
    assert len(body) == 5 * (4 + 28 * 28)
    assert int(headers["x-total"]) > 7
    for row, pixels in zip(rows, np.frombuffer(body[20:], np.uint8).reshape(5, -1), strict=True):
        description = json.loads(call(server.url, f"/api/collections/1/drawings/{row}")[1])
        assert (description["word"], description["split"]) == ("star", "train")
        assert call(server.url, f"/api/collections/1/drawings/{row}/image")[1] == pixels.tobytes()


def test_saved_drawings_are_raw_ndjson(server, served):
    saved = {**LINE, "word": "star", "recognized": True}
    ids = {json.loads(call(server.url, "/api/keep", saved)[1])["key_id"] for _ in range(3)}
    saved_drawings = read_ndjson(served / "kept" / "star.ndjson")
    assert {str(key) for key in saved_drawings.key_id} >= ids
    assert saved_drawings.is_float
    np.testing.assert_array_equal(saved_drawings[-1].strokes[0][:, 0], [10, 200.5, 200])
    bad = {**saved, "word": "../../star"}
    assert call(server.url, "/api/keep", bad)[0] == 422
    assert sorted(path.name for path in (served / "kept").iterdir()) == ["star.ndjson"]


def test_labels_that_could_be_paths_are_not_words():
    from quickdraw_kit.learn.models.model import Model

    config = AppConfig(model=Model.new("tiny-cnn", ("cat", "../x", "a/b", "", "hot dog")))
    assert config.words == {"cat", "hot dog"}


def test_runs_are_valid_json_without_nan(server, served):
    _, body, _ = call(server.url, "/api/runs")
    runs = json.loads(body, parse_constant=lambda name: pytest.fail(name))
    assert [run["name"] for run in runs] == ["first"]
    assert runs[0]["history"][0]["validation_loss"] is None
    status, page, headers = call(server.url, runs[0]["report"])
    assert (status, page) == (200, (served / "runs" / "first" / "report.html").read_bytes())
    assert "sandbox" in headers["content-security-policy"]


def test_report_outside_the_root_is_not_served(tmp_path):
    (tmp_path / "root" / "run").mkdir(parents=True)
    (tmp_path / "secret.html").write_text("secret")
    (tmp_path / "root" / "run" / "metrics.jsonl").write_text('{"epoch": 1}')
    (tmp_path / "root" / "run" / "report.html").symlink_to(tmp_path / "secret.html")
    (tmp_path / "root" / "bad").mkdir()
    (tmp_path / "root" / "bad" / "metrics.jsonl").write_text("not json")
    runs = find_runs(tmp_path / "root")
    assert [run.name for run in runs] == ["run"]
    assert runs[0].report is None
