"""The page in a real browser: what is drawn is what is seen, and failures are said."""

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
from tests.serve.conftest import Server
from tests.serve.test_app import call

pytestmark = pytest.mark.slow


def drawings():
    """Real drawings where there are some, generated ones where not, in whole pixels."""
    real = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    if real is None:
        return generate_drawings(["star", "house"], 3, raw=False)
    folder = Path(real) / "quickdraw" / "simplified"
    return DrawingBatch.concat(
        read_ndjson(folder / f"{word}.ndjson")[:2] for word in ("cat", "bicycle", "house")
    )


def canvas_place(page):
    box = page.evaluate(
        "() => { const b = document.querySelector('#canvas').getBoundingClientRect();"
        " return [b.left, b.top] }"
    )
    return box[0], box[1]


def draw(page, strokes):
    """Draw strokes of whole pixels with the mouse, each point one movement."""
    left, top = canvas_place(page)
    for stroke in strokes:
        (x, y), *rest = stroke
        page.mouse.move(left + x, top + y)
        page.mouse.down()
        for x, y in rest:
            page.mouse.move(left + x, top + y)
        page.mouse.up()
    wait_until_shown(page)


def wait_until_shown(page):
    """Wait until what is shown is the answer to the last change."""
    page.wait_for_function(
        """() => {
          const { shown, changes } = document.querySelector('#canvas').dataset;
          return shown && shown === changes;
        }"""
    )


def seen(page) -> np.ndarray:
    text = page.evaluate(
        """() => {
          const canvas = document.querySelector('#seen');
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
    page.wait_for_function("() => document.querySelector('#undo').disabled")
    return page


def test_what_is_drawn_is_what_the_library_sees(canvas, places):
    model = load_model(places / "runs" / "first" / "model.safetensors")
    for drawing in drawings():
        strokes = [without_repeats(2 * stroke.astype(np.float64)) for stroke in drawing.strokes]
        canvas.click("#clear", force=True) if canvas.is_enabled("#clear") else None
        draw(canvas, strokes)
        batch = DrawingBatch.from_strokes(
            [[tuple(zip(*[(x, y, 0) for x, y in stroke], strict=True)) for stroke in strokes]],
            words=["x"],
            dtype=np.float32,
        )
        image = rasterize(simplify(batch))
        assert np.array_equal(seen(canvas), image[0])
        best = model.label_names[int(model.probabilities(image)[0].argmax())]
        assert canvas.inner_text("#guesses li:first-child span:first-child") == best


def test_undo_and_clear(canvas):
    draw(canvas, [[(100, 100), (300, 100)]])
    one = seen(canvas)
    draw(canvas, [[(100, 300), (300, 300)]])
    two = seen(canvas)
    assert not np.array_equal(one, two)
    canvas.click("#undo")
    wait_until_shown(canvas)
    assert np.array_equal(seen(canvas), one)
    canvas.click("#clear")
    wait_until_shown(canvas)
    assert not seen(canvas).any()
    assert canvas.locator("#guesses li").count() == 0
    assert canvas.is_disabled("#undo")


def test_the_keyboard_draws_too(canvas):
    canvas.focus("#canvas")
    for key in ["ArrowRight", " ", *["ArrowRight"] * 5, *["ArrowDown"] * 5, " "]:
        canvas.keyboard.press(key)
    wait_until_shown(canvas)
    assert seen(canvas).any()
    canvas.keyboard.press("Backspace")
    wait_until_shown(canvas)
    assert not seen(canvas).any()


def test_a_round_has_a_word_a_clock_and_an_end(canvas):
    canvas.clock.install()
    canvas.click("#round")
    word = canvas.inner_text("#prompt").removeprefix("Draw: ")
    assert word in canvas.inner_text("#said")
    assert 0 < int(canvas.inner_text("#clock")) <= 20
    canvas.clock.run_for(21_000)
    assert canvas.inner_text("#said") == f"Time's up! The word was {word}."


def test_a_drawing_is_kept_as_a_raw_line(canvas, places):
    canvas.click("#round")
    word = canvas.inner_text("#prompt").removeprefix("Draw: ")
    draw(canvas, [[(40, 50), (200, 50), (200, 300)]])
    canvas.click("#keep")
    canvas.wait_for_function("() => document.querySelector('#said').textContent.startsWith('Kept')")
    kept = read_ndjson(places / "kept" / f"{word}.ndjson")[-1]
    assert kept.word == word
    assert str(kept.key_id) in canvas.inner_text("#said")
    assert kept.strokes[0][:, :2].tolist() == [[40, 50], [200, 50], [200, 300]]
    assert (np.diff(kept.strokes[0][:, 2]) >= 0).all()


def open_browse(page, server):
    page.goto(f"{server.url}#browse")
    page.wait_for_function("() => document.querySelector('#grid').dataset.ready")


def test_browsing_filters_and_says_how_many(page, server):
    open_browse(page, server)
    assert page.inner_text("#found") == "540 drawings"
    ready = page.get_attribute("#grid", "data-ready")
    page.select_option("select[name=category]", "star")
    page.wait_for_function(f"() => document.querySelector('#grid').dataset.ready !== '{ready}'")
    assert page.inner_text("#found") == "20 drawings"


def test_a_drawing_opens_replays_and_leads_to_its_neighbors(page, server):
    open_browse(page, server)
    page.focus("#grid")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("#detail[open]")
    page.wait_for_selector("#near button")
    assert page.locator("#near button").count() == 12
    first = page.inner_text("#metadata")
    assert "key_id" in first
    page.click("#play")
    page.wait_for_function(
        "() => document.querySelector('#replay').dataset.played === 'yes'", timeout=40_000
    )
    page.locator("#near button").first.click()
    page.wait_for_function(
        "(before) => document.querySelector('#metadata').innerText !== before", arg=first
    )
    page.keyboard.press("Escape")
    page.wait_for_selector("#detail", state="hidden")
    assert page.evaluate("() => document.activeElement.id") == "grid"


def test_scrolling_fetches_what_comes_into_view(page, server):
    open_browse(page, server)
    pages = []
    page.on("request", lambda request: pages.append(request.url))
    page.evaluate(
        "() => { const g = document.querySelector('#grid'); g.scrollTop = g.scrollHeight }"
    )
    page.wait_for_timeout(600)
    assert any("start=400" in url for url in pages)
    bottom = page.evaluate(
        """() => {
          const c = document.querySelector('#tiles');
          const column = c.getContext('2d').getImageData(20, 0, 1, c.height).data;
          return column.filter((v) => v).length;
        }"""
    )
    assert bottom > 100


def test_runs_are_compared_side_by_side(page, server):
    page.goto(f"{server.url}#runs")
    page.wait_for_selector("#runs tbody tr")
    assert "80.00 %" in page.inner_text("#runs tbody")
    page.check("#runs input")
    assert page.locator("#compared svg").count() == 2
    assert page.frame_locator("#compared iframe").locator("p").inner_text() == "The report"


def test_a_phone_has_no_sideways_scrolling(browser, server):
    page = browser.new_page(viewport={"width": 360, "height": 740}, has_touch=True)
    page.emulate_media(color_scheme="dark")
    for room in ("draw", "browse", "runs"):
        page.goto(f"{server.url}#{room}")
        page.wait_for_timeout(300)
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), room
    page.close()


def test_nothing_is_loaded_from_elsewhere_and_no_policy_is_broken(browser, server):
    page = browser.new_page()
    requests, broken = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda m: broken.append(m.text) if m.type == "error" else None)
    for room in ("draw", "browse", "runs"):
        page.goto(f"{server.url}#{room}")
        page.wait_for_timeout(500)
    page.close()
    assert all(url.startswith((server.url, "data:")) for url in requests)
    assert not broken


def slash(page):
    left, top = canvas_place(page)
    page.mouse.move(left + 50, top + 50)
    page.mouse.down()
    page.mouse.move(left + 150, top + 150)
    page.mouse.up()


def test_a_server_that_is_gone_is_said_and_found_again(page, places):
    own = Server("--model", places / "runs" / "first")
    page.goto(own.url)
    page.wait_for_function("() => document.querySelector('#undo').disabled")
    own.stop()
    slash(page)
    page.wait_for_selector("#trouble:not([hidden])")
    assert "does not answer" in page.inner_text("#trouble")
    again = Server("--model", places / "runs" / "first", port=urlsplit(own.url).port)
    wait_until_shown(page)
    assert page.is_hidden("#trouble")
    assert page.locator("#guesses li").count() == 5
    again.stop()


def test_another_server_in_its_place_is_said(page, places):
    own = Server("--model", places / "runs" / "first")
    page.goto(own.url)
    page.wait_for_function("() => document.querySelector('#undo').disabled")
    own.stop()
    slash(page)
    page.wait_for_selector("#trouble:not([hidden])")
    again = Server(port=urlsplit(own.url).port)
    page.wait_for_function(
        "() => document.querySelector('#trouble').textContent.includes('reload the page')"
    )
    again.stop()


def test_a_busy_server_is_asked_again(canvas):
    busy = iter([True, True])

    def answer(route):
        if next(busy, False):
            route.fulfill(status=503, json={"error": "1024 drawings are waiting: try again"})
        else:
            route.continue_()

    canvas.route("**/api/guess", answer)
    slash(canvas)
    canvas.wait_for_selector("#trouble:not([hidden])")
    assert "are waiting" in canvas.inner_text("#trouble")
    wait_until_shown(canvas)
    assert canvas.is_hidden("#trouble")


def test_a_drawing_that_is_refused_is_said_and_the_next_is_guessed(canvas):
    canvas.route(
        "**/api/guess",
        lambda route: route.continue_(post_data='{"strokes": []}'),
        times=1,
    )
    left, top = canvas_place(canvas)
    canvas.mouse.move(left + 50, top + 50)
    canvas.mouse.down()
    canvas.wait_for_selector("#trouble:not([hidden])")
    assert "0 strokes" in canvas.inner_text("#trouble")
    canvas.mouse.move(left + 150, top + 150)
    canvas.mouse.up()
    wait_until_shown(canvas)
    assert canvas.is_hidden("#trouble")


@pytest.mark.parametrize("architecture", ["mnist-tiny", "stroke-cnn"])
def test_models_with_other_labels_or_of_strokes_guess_too(page, tmp_path, architecture):
    save_model(Model.new(architecture, tuple("0123456789")), tmp_path / "model.safetensors")
    own = Server("--model", tmp_path)
    page.goto(own.url)
    page.wait_for_function("() => document.querySelector('#undo').disabled")
    page.click("#round")
    assert page.inner_text("#prompt").removeprefix("Draw: ") in "0123456789"
    slash(page)
    wait_until_shown(page)
    assert page.locator("#guesses li").count() == 5
    assert seen(page).any()
    own.stop()


def test_a_collection_that_disappears_is_reported(page, places, tmp_path):
    shutil.copytree(places / "shards", tmp_path / "shards")
    own = Server(tmp_path / "shards")
    page.goto(own.url)
    page.wait_for_function("() => document.querySelector('#undo').disabled")
    shutil.rmtree(tmp_path / "shards")
    page.goto(f"{own.url}#browse")
    page.wait_for_selector("#trouble:not([hidden])")
    assert "files were removed" in page.inner_text("#trouble")
    for path in ("tiles", "drawings/3/near", "drawings/3/image"):
        status, body, _ = call(own.url, f"/api/collections/0/{path}")
        assert status == 410
        assert str(tmp_path) not in body.decode()
    assert call(own.url, "/api/collections/0/drawings/3")[0] == 200  # is held in memory
    own.stop()


def test_empty_rooms_say_what_to_do(page):
    own = Server()
    page.goto(own.url)
    page.wait_for_function("() => document.querySelector('#said').textContent.includes('--model')")
    page.goto(f"{own.url}#browse")
    page.wait_for_function("() => document.querySelector('#found').textContent.includes('Nothing')")
    page.goto(f"{own.url}#runs")
    page.wait_for_function(
        "() => document.querySelector('#no-runs').textContent.includes('--runs')"
    )
    own.stop()
