"""Badges and links: all of one address, and none without."""

import tomllib

import pytest

from ..scripts import ROOT, load_script

badges = load_script("workshop/badges.py")
PAGE = f"# kdbook\n\n{badges.BEGIN}\n{badges.END}\n\nA workbook."
ADDRESS = "https://code.example/someone/kdbook.git"


def test_every_way_in_gets_a_badge_of_the_address():
    made = badges.written(PAGE, badges.badges(ADDRESS))
    assert made.count("[![") == 4
    assert "/v2/gh/someone/kdbook/HEAD?urlpath=lab/tree/notebooks/00_overview.ipynb" in made
    assert "/github/someone/kdbook/blob/HEAD/notebooks/00_overview.ipynb" in made
    assert made.endswith(f"{badges.END}\n\nA workbook.")


def test_written_again_or_without_an_address_nothing_is_left_of_the_first():
    once = badges.written(PAGE, badges.badges(ADDRESS))
    assert badges.written(once, badges.badges(ADDRESS)) == once
    assert badges.written(once, "") == badges.written(PAGE, "") == PAGE


def test_an_address_without_owner_and_name_is_refused():
    with pytest.raises(ValueError, match="owner/name, got 'https://code.example'"):
        badges.badges("https://code.example")


def test_the_package_links_to_the_address_and_stays_readable():
    project = (ROOT / "pyproject.toml").read_text()
    assert tomllib.loads(project)["project"]["urls"].keys() <= {"Source", "Issues", "Changelog"}
    made = badges.written(project, badges.urls(ADDRESS), badges.URLS, badges.END_URLS)
    urls = tomllib.loads(made)["project"]["urls"]
    assert urls["Source"] == "https://code.example/someone/kdbook" and urls["Issues"].endswith("kdbook/issues")
    assert (ROOT / urls["Changelog"].partition("HEAD/")[2]).exists()


def test_the_notebook_that_they_open_is_there_and_the_readme_has_their_place():
    assert (ROOT / badges.START).exists()
    readme = (ROOT / "README.md").read_text()
    assert readme.count(badges.BEGIN) == readme.count(badges.END) == 1
