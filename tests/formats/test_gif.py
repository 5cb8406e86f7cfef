import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.gif import write_gif
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.formats.png import render_drawing
from quickdraw_kit.formats.stroke_times import stroke_times
from quickdraw_kit.strokes.batch import DrawingBatch
from tests.conftest import examples
from tests.strokes.strategies import batches

PAUSE = 1500


def frames(path):
    """Pictures and durations of a GIF."""
    images, durations = [], []
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        for number in range(image.n_frames):
            image.seek(number)
            durations.append(image.info["duration"])
            images.append(np.asarray(image.convert("L")))
    return np.stack(images), durations


@pytest.fixture
def show(tmp_path):
    def write(drawing, **settings):
        path = tmp_path / "drawing.gif"
        write_gif(DrawingBatch.from_strokes([drawing], words=["cat"]), path, **settings)
        return frames(path)

    return write


def test_times_are_those_of_the_drawing(show):
    drawing = [([0, 255], [0, 0], [5000, 6000]), ([0, 255], [255, 255], [7000, 7500])]
    images, durations = show(drawing)
    assert sum(durations) == 2500 + 50 + PAUSE
    starts = np.cumsum([0, *durations[:-1]])
    dark = images < 128

    def at(time):
        return dark[np.searchsorted(starts, time, side="right") - 1]

    assert 100 <= at(500)[:30].any(axis=0).sum() <= 156  # half of the first stroke
    assert at(1500)[:30].any(axis=0).sum() >= 245  # the pause
    assert not at(1950)[200:].any()
    assert 100 <= at(2250)[200:].any(axis=0).sum() <= 156
    assert at(2500)[200:].any(axis=0).sum() >= 245


def test_a_pause_is_one_long_frame(show):
    images, durations = show([([0, 9], [0, 9], [0, 50]), ([99], [99], [10_000])])
    assert len(images) == 3
    assert max(durations) > 9_000


def test_constant_speed_without_times(show):
    images, durations = show([([0, 250], [0, 0]), ([0], [250])])
    assert sum(durations) == pytest.approx((250 + np.hypot(250, 250)) / 0.5 + PAUSE, abs=100)
    widths = (images < 128)[:, :30].any(axis=1).sum(axis=1)
    steps = np.diff(widths[1:9])
    assert steps.min() >= steps.max() - 2


def test_long_drawings_are_played_faster(show):
    _, durations = show([([0, 9, 200], [0, 9, 200], [0, 1, 2**31 - 1])])
    assert sum(durations) == 30_000 + 50 + PAUSE


@examples(20)
@given(batches(max_drawings=1))
def test_ink_stays_and_the_last_frame_is_complete(tmp_path_factory, batch):
    if not len(batch):
        return
    path = tmp_path_factory.mktemp("gif") / "drawing.gif"
    write_gif(batch, path, side=128)
    images, _ = frames(path)
    assert (np.diff(images.astype(int), axis=0) <= 0).all()
    end, whole = images[-1] < 200, render_drawing(batch, side=128) < 200
    assert (end & ~grown(whole)).sum() == 0
    assert (whole & ~grown(end)).sum() == 0


def grown(mask):
    """The mask and the pixels around it."""
    padded = np.pad(mask, 2)
    return np.any(
        [np.roll(padded, (a, b), (0, 1)) for a in (-2, -1, 0, 1, 2) for b in (-2, -1, 0, 1, 2)],
        axis=0,
    )[2:-2, 2:-2]


def test_times_never_decrease():
    one = DrawingBatch.from_strokes(
        [[([1, 2, 3], [1, 2, 3], [10, 50, 40]), ([4], [4], [20])]], words=["cat"]
    )[0]
    assert [times.tolist() for times in stroke_times(one)] == [[0, 40, 40], [40]]


def test_a_drawing_without_points_is_an_empty_picture(show):
    images, _ = show([])
    assert images.shape == (1, 256, 256)
    assert (images == 255).all()


def test_real_drawings(real_data, tmp_path):
    batch = read_ndjson(real_data / "quickdraw" / "raw" / "cat.ndjson")
    write_gif(batch, tmp_path / "cat.gif", 3, side=128)
    _, durations = frames(tmp_path / "cat.gif")
    times = batch[3].strokes[-1][-1, 2] - batch[3].strokes[0][0, 2]
    assert sum(durations) == pytest.approx(times + PAUSE, abs=100)


def test_invalid_arguments(tmp_path, show):
    with pytest.raises(UsageError, match="side is 4096"):
        show([], side=4096)
    with pytest.raises(UsageError, match="line_diameter"):
        show([], line_diameter=-1)
    with pytest.raises(IndexError, match="drawing 0 of 0"):
        write_gif(DrawingBatch.from_strokes([], words=[]), tmp_path / "none.gif")
    assert list(tmp_path.iterdir()) == []
