"""Pictures as people make them: colors, crops, frames, paper, modes and files."""

import io

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.simplify import simplify
from quickdraw_kit.trace.image import trace_image
from quickdraw_kit.trace.image_file import read_picture
from quickdraw_kit.trace.ink import find_ink
from tests.conftest import examples
from tests.trace.cases import HOUSES, away, normalized

colors = st.tuples(*[st.integers(0, 255)] * 3)
drawings = st.integers(0, len(HOUSES) - 1)


def drawn(index, *, side=200, extent=150, width=4, ink=(0, 0, 0), paper=(255, 255, 255), smooth=1):
    """A drawing in one flat color, or with soft edges."""
    picture = Image.new("RGB", (side * smooth,) * 2, paper)
    pen = ImageDraw.Draw(picture)
    for stroke in HOUSES[index].strokes:
        points = (stroke[:, :2] / 255 * extent + (side - extent) / 2) * smooth
        pen.line([tuple(point) for point in points.tolist()], fill=ink, width=width * smooth)
    if smooth > 1:
        picture = picture.resize((side, side), Image.Resampling.BOX)
    return np.asarray(picture)


def cropped(picture, margin=0):
    """The picture without its paper but for a margin."""
    inked = (picture != picture[0, 0]).any(axis=2)
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    inner = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(inner, ((margin, margin), (margin, margin), (0, 0)), mode="constant",
                  constant_values=255)  # fmt: skip


def saved(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@examples(60)
@given(drawings, colors, colors)
def test_flat_ink_of_any_visible_color_is_found(index, ink, paper):
    assume(np.abs(np.subtract(ink, paper)).max() >= 8)
    strokes = normalized(drawn(index, ink=ink, paper=paper))
    assert np.array_equal(strokes, normalized(drawn(index)))


@examples(20)
@given(drawings, colors, colors)
def test_soft_edges_of_any_color_are_the_same_ink(index, ink, paper):
    """Up to the rounding of colors: one of the least contrast is a fortieth of the ink."""
    assume(np.abs(np.subtract(ink, paper)).max() >= 40)
    expected = find_ink(drawn(index, smooth=2))
    actual = find_ink(drawn(index, ink=ink, paper=paper, smooth=2))
    assert np.abs(actual - expected).max() <= 1 / 40


@pytest.mark.parametrize("ink", [(255, 127, 39), (34, 177, 76), (237, 28, 36), (63, 72, 204)])
def test_colors_of_paint(ink):
    assert np.array_equal(normalized(drawn(0, ink=ink)), normalized(drawn(0)))


def test_pale_strokes_beside_dark_ones():
    pale = np.minimum(drawn(0, ink=(255, 174, 201)), drawn(1)[::-1])
    assert np.array_equal(normalized(pale), normalized(np.minimum(drawn(0), drawn(1)[::-1])))


def test_chalk_and_charcoal_on_gray_paper():
    gray = (128, 128, 128)
    white = drawn(0, ink=(255, 255, 255), paper=gray)
    both = np.where(white == 128, drawn(1, ink=(0, 0, 0), paper=gray), white)
    plain = np.where(white == 128, drawn(1, ink=(255, 255, 255), paper=gray), white)
    assert away(normalized(plain), normalized(both)) < 0.05


@examples(40)
@given(drawings, st.integers(0, 40), st.sampled_from([(64, 3), (64, 5), (128, 5), (256, 6)]))
def test_any_margin(index, margin, size):
    side, width = size
    picture = drawn(index, side=2 * side, extent=side, width=width, smooth=2)
    assert away(normalized(picture), normalized(cropped(picture, margin))) < 0.1


@examples(30)
@given(drawings, st.integers(0, 12), st.integers(1, 4), colors)
def test_a_frame_is_no_part_of_the_drawing(index, inset, width, color):
    assume(max(np.abs(np.subtract(color, 255))) >= 40)
    picture = drawn(index, smooth=2)
    framed = Image.fromarray(picture)
    box = (inset, inset, 199 - inset, 199 - inset)
    ImageDraw.Draw(framed).rectangle(box, outline=color, width=width)
    assert away(normalized(picture), normalized(np.asarray(framed))) < 0.1


def test_a_frame_that_the_drawing_touches():
    picture = drawn(0, smooth=2)[:, :].copy()
    picture[100:104, :60] = 0
    framed = np.pad(picture, ((2, 2), (2, 2), (0, 0)))
    assert away(normalized(picture), normalized(framed)) < 0.1


def test_a_square_alone_is_the_drawing():
    picture = np.full((200, 200), 255, np.uint8)
    picture[6:194, 6:194] = 0
    picture[9:191, 9:191] = 255
    seen = normalized(picture)
    assert seen[2, 2:-2].min() > 100
    assert seen[8:20, 8:20].max() == 0


@pytest.mark.parametrize("gray", [20, 200])
@pytest.mark.parametrize("width", [3, 40, 120])
def test_a_canvas_on_a_page(gray, width):
    picture = drawn(0, smooth=2)
    around = np.pad(picture, ((width,) * 2, (width,) * 2, (0, 0)), constant_values=gray)
    assert away(normalized(picture), normalized(around)) < 0.1


def test_a_toolbar_above_the_canvas():
    picture = drawn(0, smooth=2)
    shown = np.pad(picture, ((30, 0), (0, 0), (0, 0)), constant_values=60)
    assert away(normalized(picture), normalized(shown)) < 0.1


@pytest.mark.parametrize("color", [(200, 220, 240), (120, 160, 220), (0, 0, 0)])
@pytest.mark.parametrize("squared", [False, True])
def test_ruled_and_squared_paper(color, squared):
    picture = drawn(0, side=400, extent=300, width=6, smooth=2)
    paper = Image.new("RGB", (400, 400), "white")
    pen = ImageDraw.Draw(paper)
    for place in range(12, 400, 25):
        pen.line((0, place, 400, place), fill=color)
        if squared:
            pen.line((place, 0, place, 400), fill=color)
    ruled = np.minimum(picture, np.asarray(paper))
    assert away(normalized(picture), normalized(ruled)) < 0.25


def test_outlines_that_are_filled_with_color():
    lines = drawn(0, smooth=2)
    page = Image.fromarray(lines)
    ImageDraw.floodfill(page, (100, 120), (255, 200, 90), thresh=60)
    assert (np.asarray(page) == (255, 200, 90)).all(axis=2).mean() > 0.05
    assert away(normalized(lines), normalized(np.asarray(page))) < 0.15


def test_a_silhouette_on_a_transparent_background():
    picture = np.zeros((90, 90, 4), np.uint8)
    y, x = np.mgrid[:90, :90]
    picture[np.hypot(x - 45, y - 45) < 45] = (10, 20, 30, 255)
    assert normalized(picture)[10:18, 10:18].mean() > 120


GRAY = [
    ("PNG", "L"), ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "LA"), ("PNG", "P"), ("PNG", "I;16"),
    ("GIF", "L"), ("BMP", "L"), ("BMP", "RGB"), ("TIFF", "L"), ("TIFF", "RGB"), ("TIFF", "I;16"),
    ("WEBP", "RGB"), ("WEBP", "RGBA"),
]  # fmt: skip


def converted(gray, form, mode):
    """A grayscale picture, saved without loss in another mode."""
    image = Image.fromarray(gray)
    if mode == "I;16":
        image = Image.fromarray(gray.astype(np.uint16) * 257)
    elif mode != "L":
        image = image.convert(mode)
    return saved(image, form, **({"lossless": True} if form == "WEBP" else {}))


@examples(20)
@given(drawings, st.sampled_from([28, 64, 200]))
def test_mode_and_container_do_not_matter(index, side):
    gray = drawn(index, side=side, extent=0.8 * side, width=max(side // 30, 2), smooth=2)[:, :, 0]
    expected = normalized(gray)
    for form, mode in GRAY:
        strokes = normalized(read_picture(converted(gray, form, mode)))
        assert np.array_equal(expected, strokes), (form, mode)


def test_pictures_of_one_bit():
    bits = (drawn(0)[:, :, 0] > 127).astype(np.uint8) * 255
    for form in ("PNG", "BMP", "TIFF", "GIF"):
        strokes = read_picture(saved(Image.fromarray(bits).convert("1"), form))
        assert np.array_equal(normalized(bits), normalized(strokes)), form


@examples(60)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 3), st.data())
def test_any_shape_is_answered(wide, high, width, data):
    picture = Image.new("L", (wide, high), 255)
    ends = [data.draw(st.integers(0, limit - 1)) for limit in (wide, high, wide, high)]
    ImageDraw.Draw(picture).line(ends, fill=0, width=width)
    if np.ptp(np.asarray(picture)) == 0:
        with pytest.raises(DataError, match="empty"):
            trace_image(np.asarray(picture))
        return
    assert simplify(trace_image(np.asarray(picture))).point_counts[0] > 0


@pytest.mark.parametrize(("shape", "line"), [
    ((100, 4000), (0, 50, 4000, 50)), ((100, 4000), (20, 20, 3900, 80)), ((1, 6000), (9, 0, 50, 0)),
    ((6000, 1), (0, 9, 0, 50)), ((1500, 1500), (9, 9, 1400, 1300)),
])  # fmt: skip
@pytest.mark.parametrize("ink", [0, 255])
def test_long_and_thin(shape, line, ink):
    picture = Image.new("L", shape[::-1], 255 - ink)
    ImageDraw.Draw(picture).line(line, fill=ink, width=1)
    assert len(trace_image(np.asarray(picture))[0].strokes) < 5


def test_the_last_frame_of_an_animation_is_the_drawing():
    frames = [Image.fromarray(drawn(0)[:, :, 0]) for _ in range(3)]
    blank = Image.new("L", frames[0].size, 255)
    data = saved(blank, "GIF", save_all=True, append_images=frames[:1])
    assert away(normalized(drawn(0)), normalized(read_picture(data))) < 0.05
