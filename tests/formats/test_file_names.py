"""Names of files become labels by one function, in every spelling that systems give them."""

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.categories import CATEGORIES
from quickdraw_kit.formats.file_names import is_hidden, label_from_filename

SUFFIXES = (".ndjson", ".bin", ".npy", ".npz", ".full.npz", ".csv.gz", ".ndjson.zst", ".bin.xz")
FOLDERS = ("raw", "simplified", "binary", "numpy_bitmap")
MARKS = (
    "",
    " (1)",
    "(2)",
    "_1",
    "-2",
    " 3",
    " - Copy",
    " - Copy (2)",
    " copy",
    " copy 2",
    " (copy)",
)


@st.composite
def spellings(draw):
    """A category, and a name that a file of it may have."""
    category = draw(st.sampled_from(CATEGORIES))
    name = draw(st.sampled_from([category, category.replace(" ", "_"), category.replace(" ", "-")]))
    name = draw(st.sampled_from([name, name.upper(), name.title(), name.casefold()]))
    folder = draw(st.sampled_from(FOLDERS))
    prefix = draw(st.sampled_from(["", f"full_{folder}_", f"full/{folder}/", "sketchrnn_"]))
    suffix = draw(st.sampled_from([*SUFFIXES, ".ndjson.1"]))
    name = f"{prefix}{name}{draw(st.sampled_from(MARKS))}{suffix}"
    is_encoded = "/" in prefix or draw(st.booleans())
    return category, quote(name, safe="") if is_encoded else name


@given(spellings())
def test_every_spelling_of_a_category_is_its_label(spelling):
    category, name = spelling
    assert label_from_filename(Path("folder") / name) == category


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("full%2Fnumpy_bitmap%2Fcat.npy", "cat"),
        ("full_numpy_bitmap_cat.npy", "cat"),
        ("cat.npy?generation=1490", "cat"),
        ("tshirt.npy", "t-shirt"),
        ("mona_lisa.ndjson", "The Mona Lisa"),
        # own categories keep their names, but for what is certainly no part of them
        ("robot.ndjson", "robot"),
        ("Robot_1.ndjson", "Robot_1"),
        ("robot (1).ndjson", "robot"),
        ("full_simplified_robot.ndjson", "robot"),
        ("raw_robot.ndjson", "raw_robot"),
        ("my.word.v2.ndjson.gz", "my.word.v2"),
        ("catalog.npy", "catalog"),
        ("(1).npy", "(1)"),
        ("train-images-idx3-ubyte.gz", "train-images-idx3-ubyte"),
    ],
)
def test_names(name, label):
    assert label_from_filename(Path(name)) == label


@given(st.text(min_size=1).filter(lambda name: "/" not in name and "\0" not in name))
def test_any_name_has_a_label(name):
    assert label_from_filename(Path("folder") / name)


@pytest.mark.parametrize("name", [".DS_Store", "._cat.npy", "__MACOSX", "Thumbs.db", "desktop.ini"])
def test_files_of_systems_are_hidden(name):
    assert is_hidden(Path("folder") / name)
    assert not is_hidden(Path("folder") / "cat.npy")
