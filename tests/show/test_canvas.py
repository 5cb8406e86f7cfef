"""The canvas writes complete figures or none, and leaves no settings behind."""

import matplotlib as mpl
import pytest
from PIL import Image

from quickdraw_kit.errors import UsageError
from quickdraw_kit.show.canvas import canvas


@pytest.mark.parametrize("name", ["figure.png", "figure.svg", "FIGURE.SVG"])
def test_same_figure_same_bytes(tmp_path, name):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        with canvas(tmp_path / folder / name, 3, 2) as figure:
            figure.subplots().plot([1, 2, 3])
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_files_contain_no_time(tmp_path):
    with canvas(tmp_path / "figure.svg", 3, 2):
        pass
    assert "dc:date" not in (tmp_path / "figure.svg").read_text("utf-8")
    with canvas(tmp_path / "figure.png", 3, 2):
        pass
    with Image.open(tmp_path / "figure.png") as image:
        assert set(image.info) <= {"dpi"}


def test_settings_of_the_caller_are_restored(tmp_path):
    before = dict(mpl.rcParams)
    with canvas(tmp_path / "figure.png", 3, 2):
        pass
    assert dict(mpl.rcParams) == before


def test_failed_block_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), canvas(tmp_path / "figure.png", 3, 2):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_other_suffixes_are_rejected(tmp_path):
    with pytest.raises(
        UsageError, match=r"figure\.jpg: expected a name that ends in \.png or \.svg"
    ):
        canvas(tmp_path / "figure.jpg", 3, 2).__enter__()
