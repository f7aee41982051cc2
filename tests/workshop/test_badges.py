"""Badges: all of one address, and none without."""

import pytest

from ..scripts import ROOT, load_script

badges = load_script("workshop/badges.py")
PAGE = f"# kdbook\n\n{badges.BEGIN}\n{badges.END}\n\nA workbook."
ADDRESS = "https://code.example/someone/kdbook.git"


def test_every_chapter_has_a_link_to_its_copy_without_solutions_and_none_to_another():
    made = badges.written(PAGE, ADDRESS)
    for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"):
        assert f"/github/someone/kdbook/blob/student/student/{path.name})" in made
        assert f"/v2/gh/someone/kdbook/student?urlpath=lab/tree/student/{path.name})" in made
    assert "notebooks/" not in made
    assert "codespaces.new/someone/kdbook/tree/student" in made
    assert made.endswith(f"{badges.END}\n\nA workbook.")


def test_the_line_for_colab_asks_for_no_package_that_colab_has():
    (line,) = (line for line in badges.badges(ADDRESS).splitlines() if "pip install" in line)
    assert "pip install --no-deps" in line


def test_written_again_or_without_an_address_nothing_is_left_of_the_first():
    once = badges.written(PAGE, ADDRESS)
    assert badges.written(once, ADDRESS) == once
    assert badges.written(once, None) == badges.written(PAGE, None) == PAGE


def test_an_address_without_owner_and_name_is_refused():
    with pytest.raises(ValueError, match="owner/name, got 'https://code.example'"):
        badges.badges("https://code.example")


def test_the_readme_has_their_place():
    readme = (ROOT / "README.md").read_text()
    assert readme.count(badges.BEGIN) == readme.count(badges.END) == 1
