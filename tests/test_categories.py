"""The 345 names, and search."""

import pytest

from quickdraw_kit.categories import (
    CATEGORIES,
    check_categories,
    label_order,
    nearest_categories,
    search_categories,
)
from quickdraw_kit.errors import UsageError


def test_there_are_345_different_names_in_the_official_order():
    assert len(CATEGORIES) == len(set(CATEGORIES)) == 345
    assert (CATEGORIES[0], CATEGORIES[-1]) == ("aircraft carrier", "zigzag")


def test_every_name_of_the_real_files_is_there(real_data):
    stems = {path.stem for path in (real_data / "quickdraw" / "simplified").glob("*.ndjson")}
    assert len(stems) > 300
    assert stems <= set(CATEGORIES)


@pytest.mark.parametrize("name", ["T-Shirt", "t_shirt", " t-shirt ", "T SHIRT"])
def test_case_and_separators_do_not_matter(name):
    assert check_categories([name]) == ("t-shirt",)


def test_a_misspelled_name_gets_a_suggestion():
    with pytest.raises(UsageError, match="did you mean giraffe"):
        check_categories(["girrafe"])
    with pytest.raises(UsageError, match="quickdraw-kit categories"):
        check_categories(["qqqqqq"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("cta", "cat"), ("dgo", "dog"), ("airplan", "airplane"), ("Eifel Tower", "The Eiffel Tower"),
     ("baloon", "hot air balloon"), ("ice-craem", "ice cream"), ("ball", "baseball")],
)  # fmt: skip
def test_misspelled_names_come_before_names_that_contain_the_text(typed, meant):
    assert nearest_categories(typed)[0] == meant


def test_search_finds_parts_of_names_in_order():
    assert search_categories("ball") == (
        "baseball",
        "baseball bat",
        "basketball",
        "hot air balloon",
        "soccer ball",
    )


def test_label_order_puts_unknown_names_last():
    assert label_order(["zebra", "my word", "ant", "ant"]) == ("ant", "zebra", "my word")
