"""The page in a real browser: the model sees what is drawn, and failures are shown."""

import base64
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.learn.models.model import Model, load_model, save_model
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.simplify import simplify
from quickdraw_kit.synthetic.generator import generate_drawings
from tests.serve.test_app import call

pytestmark = pytest.mark.xdist_group("serve")  # one server, one browser


# when a view shows what it has
READY = {
    "draw": "() => document.querySelector('#undo').disabled",
    "browse": "() => document.querySelector('#grid').dataset.ready",
    "runs": "() => document.querySelector('#runs tbody tr')",
}


def drawings():
    """Real drawings if they are available, otherwise synthetic ones; in whole pixels."""
    real = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    if real is None:
        return generate_drawings(["star", "house"], 3, raw=False)
    folder = Path(real) / "quickdraw" / "simplified"
    return DrawingBatch.concat(
        read_ndjson(folder / f"{word}.ndjson")[:2] for word in ("cat", "bicycle", "house")
    )


def canvas_corner(page):
    box = page.evaluate(
        "() => { const b = document.querySelector('#canvas').getBoundingClientRect();"
        " return [b.left, b.top] }"
    )
    return box[0], box[1]


def draw(page, strokes):
    """Draw strokes of whole pixels with the mouse, one movement per point."""
    left, top = canvas_corner(page)
    for stroke in strokes:
        (x, y), *rest = stroke
        page.mouse.move(left + x, top + y)
        page.mouse.down()
        for x, y in rest:
            page.mouse.move(left + x, top + y)
        page.mouse.up()
    wait_until_shown(page)


def wait_until_shown(page):
    """Wait until the guesses belong to the newest version of the drawing."""
    page.wait_for_function(
        """() => {
          const { shownVersion, version } = document.querySelector('#canvas').dataset;
          return shownVersion && shownVersion === version;
        }"""
    )


def model_input(page) -> np.ndarray:
    text = page.evaluate(
        """() => {
          const canvas = document.querySelector('#model-input');
          const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
          return btoa(String.fromCharCode(...data.filter((_, i) => i % 4 === 0)));
        }"""
    )
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(28, 28)


def without_repeats(stroke):
    points = [tuple(map(float, point[:2])) for point in stroke]
    return [p for i, p in enumerate(points) if i == 0 or p != points[i - 1]]


@pytest.fixture
def canvas(page, server):
    page.goto(server.url)
    page.wait_for_function(READY["draw"])
    return page


@pytest.mark.slow
def test_page_and_library_see_the_same_bitmap(canvas, served):
    model = load_model(served / "runs" / "first" / "model.safetensors")
    for drawing in drawings():
        strokes = [without_repeats(2 * stroke.astype(np.float64)) for stroke in drawing.strokes]
        canvas.click("#clear", force=True) if canvas.is_enabled("#clear") else None
        draw(canvas, strokes)
        batch = DrawingBatch.from_strokes(
            [[tuple(zip(*[(x, y, 0) for x, y in stroke], strict=True)) for stroke in strokes]],
            words=["x"],
            dtype=np.float64,
        )
        image = rasterize(simplify(batch))
        assert np.array_equal(model_input(canvas), image[0])
        best = model.label_names[int(model.probabilities(image)[0].argmax())]
        assert canvas.inner_text("#guesses li:first-child span:first-child") == best


def test_undo_and_clear(canvas):
    draw(canvas, [[(100, 100), (300, 100)]])
    one = model_input(canvas)
    draw(canvas, [[(100, 300), (300, 300)]])
    two = model_input(canvas)
    assert not np.array_equal(one, two)
    canvas.click("#undo")
    wait_until_shown(canvas)
    assert np.array_equal(model_input(canvas), one)
    canvas.click("#clear")
    wait_until_shown(canvas)
    assert not model_input(canvas).any()
    assert canvas.locator("#guesses li").count() == 0
    assert canvas.is_disabled("#undo")


def test_drawing_with_the_keyboard(canvas):
    canvas.focus("#canvas")
    for key in ["ArrowRight", " ", *["ArrowRight"] * 5, *["ArrowDown"] * 5, " "]:
        canvas.keyboard.press(key)
    wait_until_shown(canvas)
    assert model_input(canvas).any()
    canvas.keyboard.press("Backspace")
    wait_until_shown(canvas)
    assert not model_input(canvas).any()


def test_round(canvas):
    canvas.clock.install()
    canvas.click("#round")
    word = canvas.inner_text("#prompt").removeprefix("Draw: ")
    assert word in canvas.inner_text("#message")
    assert 0 < int(canvas.inner_text("#clock")) <= 20
    canvas.clock.run_for(21_000)
    assert canvas.inner_text("#message") == f"Time's up! The word was {word}."


def test_drawing_is_saved_as_raw_ndjson(canvas, served):
    canvas.click("#round")
    word = canvas.inner_text("#prompt").removeprefix("Draw: ")
    draw(canvas, [[(40, 50), (200, 50), (200, 300)]])
    canvas.click("#keep")
    canvas.wait_for_function(
        "() => document.querySelector('#message').textContent.startsWith('Saved')"
    )
    saved = read_ndjson(served / "kept" / f"{word}.ndjson")[-1]
    assert saved.word == word
    assert str(saved.key_id) in canvas.inner_text("#message")
    assert saved.strokes[0][:, :2].tolist() == [[40, 50], [200, 50], [200, 300]]
    assert (np.diff(saved.strokes[0][:, 2]) >= 0).all()


def open_browse(page, server):
    page.goto(f"{server.url}#browse")
    page.wait_for_function(READY["browse"])


def test_filters_and_the_number_of_drawings(page, server):
    open_browse(page, server)
    assert page.inner_text("#count") == "540 drawings"
    ready = page.get_attribute("#grid", "data-ready")
    page.select_option("select[name=category]", "star")
    page.wait_for_function(f"() => document.querySelector('#grid').dataset.ready !== '{ready}'")
    assert page.inner_text("#count") == "20 drawings"


@pytest.mark.slow
def test_drawing_opens_replays_and_shows_neighbors(page, server):
    open_browse(page, server)
    page.focus("#grid")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("#detail[open]")
    page.wait_for_selector("#neighbors button")
    assert page.locator("#neighbors button").count() == 12
    first = page.inner_text("#metadata")
    assert "key_id" in first
    page.click("#play")
    page.wait_for_function(
        "() => document.querySelector('#replay').dataset.played === 'yes'", timeout=40_000
    )
    page.locator("#neighbors button").first.click()
    page.wait_for_function(
        "(before) => document.querySelector('#metadata').innerText !== before", arg=first
    )
    page.keyboard.press("Escape")
    page.wait_for_selector("#detail", state="hidden")
    assert page.evaluate("() => document.activeElement.id") == "grid"


@pytest.mark.slow
def test_scrolling_fetches_visible_pages(page, server):
    open_browse(page, server)
    with page.expect_request(lambda request: "start=400" in request.url):
        page.evaluate(
            "() => { const g = document.querySelector('#grid'); g.scrollTop = g.scrollHeight }"
        )
    page.wait_for_function(
        """() => {
          const c = document.querySelector('#tiles');
          const column = c.getContext('2d').getImageData(20, 0, 1, c.height).data;
          return column.filter((v) => v).length > 100;
        }"""
    )


def test_runs_are_compared(page, server):
    page.goto(f"{server.url}#runs")
    page.wait_for_selector("#runs tbody tr")
    assert "80.00 %" in page.inner_text("#runs tbody")
    page.check("#runs input")
    assert page.locator("#compared svg").count() == 2
    assert page.frame_locator("#compared iframe").locator("p").inner_text() == "The report"


@pytest.mark.slow
def test_phone_has_no_horizontal_scrolling(browser, server):
    page = browser.new_page(viewport={"width": 360, "height": 740}, has_touch=True)
    page.emulate_media(color_scheme="dark")
    for view in ("draw", "browse", "runs"):
        page.goto(f"{server.url}#{view}")
        page.wait_for_function(READY[view])
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), view
    page.close()


@pytest.mark.slow
def test_no_requests_to_other_servers_and_no_policy_violations(browser, server):
    page = browser.new_page()
    requests, violations = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda m: violations.append(m.text) if m.type == "error" else None)
    for view in ("draw", "browse", "runs"):
        page.goto(f"{server.url}#{view}")
        page.wait_for_function(READY[view])
    page.wait_for_load_state("networkidle")
    page.close()
    assert all(url.startswith((server.url, "data:")) for url in requests)
    assert not violations


def draw_line(page):
    left, top = canvas_corner(page)
    page.mouse.move(left + 50, top + 50)
    page.mouse.down()
    page.mouse.move(left + 150, top + 150)
    page.mouse.up()


@pytest.mark.slow
def test_stopped_server_is_reported_and_reconnected(page, served, serve):
    server = serve("--model", served / "runs" / "first")
    page.goto(server.url)
    page.wait_for_function(READY["draw"])
    server.stop()
    draw_line(page)
    page.wait_for_selector("#error:not([hidden])")
    assert "does not respond" in page.inner_text("#error")
    serve("--model", served / "runs" / "first", port=urlsplit(server.url).port)
    wait_until_shown(page)
    assert page.is_hidden("#error")
    assert page.locator("#guesses li").count() == 5


@pytest.mark.slow
def test_another_server_at_the_same_port_is_reported(page, served, serve):
    server = serve("--model", served / "runs" / "first")
    page.goto(server.url)
    page.wait_for_function(READY["draw"])
    server.stop()
    draw_line(page)
    page.wait_for_selector("#error:not([hidden])")
    serve(port=urlsplit(server.url).port)
    page.wait_for_function(
        "() => document.querySelector('#error').textContent.includes('reload the page')"
    )


@pytest.mark.slow
def test_busy_server_is_retried(canvas):
    is_busy = True

    def respond(route):
        if is_busy:
            route.fulfill(status=503, json={"error": "1024 drawings are waiting: try again"})
        else:
            route.continue_()

    canvas.route("**/api/guess", respond)
    draw_line(canvas)
    canvas.wait_for_selector("#error:not([hidden])")
    assert "are waiting" in canvas.inner_text("#error")
    is_busy = False
    wait_until_shown(canvas)
    assert canvas.is_hidden("#error")


@pytest.mark.slow
def test_rejected_drawing_is_reported_and_the_next_is_guessed(canvas):
    canvas.route(
        "**/api/guess",
        lambda route: route.continue_(post_data='{"strokes": []}'),
        times=1,
    )
    left, top = canvas_corner(canvas)
    canvas.mouse.move(left + 50, top + 50)
    canvas.mouse.down()
    canvas.wait_for_selector("#error:not([hidden])")
    assert "0 strokes" in canvas.inner_text("#error")
    canvas.mouse.move(left + 150, top + 150)
    canvas.mouse.up()
    wait_until_shown(canvas)
    assert canvas.is_hidden("#error")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["mnist-tiny", "stroke-cnn"])
def test_models_with_other_labels_or_inputs(page, serve, tmp_path, architecture):
    save_model(Model.new(architecture, tuple("0123456789")), tmp_path / "model.safetensors")
    server = serve("--model", tmp_path)
    page.goto(server.url)
    page.wait_for_function(READY["draw"])
    page.click("#round")
    assert page.inner_text("#prompt").removeprefix("Draw: ") in "0123456789"
    draw_line(page)
    wait_until_shown(page)
    assert page.locator("#guesses li").count() == 5
    assert model_input(page).any()


@pytest.mark.slow
def test_removed_collection_is_reported(page, served, serve, tmp_path):
    shutil.copytree(served / "shards", tmp_path / "shards")
    server = serve(tmp_path / "shards")
    page.goto(server.url)
    page.wait_for_function(READY["draw"])
    shutil.rmtree(tmp_path / "shards")
    page.goto(f"{server.url}#browse")
    page.wait_for_selector("#error:not([hidden])")
    assert "files were removed" in page.inner_text("#error")
    for path in ("tiles", "drawings/3/neighbors", "drawings/3/image"):
        status, body, _ = call(server.url, f"/api/collections/0/{path}")
        assert status == 410
        assert str(tmp_path) not in body.decode()
    assert call(server.url, "/api/collections/0/drawings/3")[0] == 200  # metadata is in memory


@pytest.mark.slow
def test_empty_views_say_what_to_do(page, serve):
    server = serve()
    page.goto(server.url)
    page.wait_for_function(
        "() => document.querySelector('#message').textContent.includes('--model')"
    )
    page.goto(f"{server.url}#browse")
    page.wait_for_function(
        "() => document.querySelector('#count').textContent.includes('nothing to browse')"
    )
    page.goto(f"{server.url}#runs")
    page.wait_for_function(
        "() => document.querySelector('#no-runs').textContent.includes('--runs')"
    )
