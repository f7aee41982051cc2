"""Badges: all of one address, and none without."""

import tomllib

import pytest

from ..scripts import ROOT, load_script

badges = load_script("workshop/badges.py")
PAGE = f"# kdbook\n\n{badges.BEGIN}\n{badges.END}\n\nA workbook."
ADDRESS = "https://code.example/someone/kdbook.git"


def test_every_chapter_has_a_link_to_its_copy_without_solutions_and_none_to_another():
    made = badges.written(PAGE, badges.badges(ADDRESS))
    for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"):
        assert f"/github/someone/kdbook/blob/student/student/{path.name})" in made
        assert f"/v2/gh/someone/kdbook/student?urlpath=lab/tree/student/{path.name})" in made
    assert "notebooks/" not in made
    assert "codespaces.new/someone/kdbook/tree/student" in made
    assert made.endswith(f"{badges.END}\n\nA workbook.")


def test_the_line_for_colab_asks_for_what_chapters_import_and_nothing_of_jupyter():
    (line,) = (line for line in badges.badges(ADDRESS).splitlines() if "pip install" in line)
    assert "book[chapters,speech]" in line


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


def test_the_readme_has_their_place():
    readme = (ROOT / "README.md").read_text()
    assert readme.count(badges.BEGIN) == readme.count(badges.END) == 1
