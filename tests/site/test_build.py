"""The builder of the site: its pages made from tables, and the check that finds what is broken."""

import json
from html import escape

import pytest

from kdbook.lab import arms
from kdbook.show.figures import registered

from ..scripts import ROOT, load_script

SITE = ROOT / "site"
build = load_script("site/build.py")


def written(folder, **pages):
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>")
    return build.problems(folder)


def test_a_sound_site_has_no_problems(tmp_path):
    one = '<h1 id="top">one</h1><a href="two.html#there">two</a><img src="data:image/png;base64,AA" alt="a dot">'
    two = '<p id="there"></p><a href="https://example.org/paper">a paper</a><a href="#there">here</a>'
    assert written(tmp_path, one=one, two=two) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('<a href="gone.html">x</a>', "gone.html leads nowhere"),
        ('<a href="two.html#nowhere">x</a>', "two.html#nowhere points at no such place"),
        ('<img src="two.html" alt=" ">', "a picture without alt text: two.html"),
        (
            '<script src="https://cdn.example.org/a.js"></script>',
            "loads https://cdn.example.org/a.js from another server",
        ),
        ('<link rel="stylesheet" href="//cdn.example.org/a.css">', "loads //cdn.example.org/a.css from another server"),
    ],
)
def test_a_broken_page_is_named_with_what_is_wrong(tmp_path, body, told):
    assert written(tmp_path, one=body, two="") == [f"one.html: {told}"]


def test_every_figure_stands_in_the_gallery_under_its_chapter_with_its_caption():
    page = build.gallery_page()
    for figure in registered().values():
        before, _, after = page.partition(f"figures/{figure.name}.svg")
        assert before.rpartition("\n## ")[2].startswith(f"[{figure.chapter} · ")
        assert escape(figure.alt) in after
        assert f"`~{arms.files()[figure.question]}`" in page


def test_every_chapter_has_a_card_with_the_picture_the_question_and_the_answer_of_the_readme():
    cards = build.chapter_cards()
    assert cards.count(":::{grid-item-card} ") == cards.count(":img-alt: ") == len(build.chapters())
    assert "What is distillation, and how does this book check itself?" in cards
    assert cards.count("?\n\n*") == len(build.chapters())


def test_the_reference_has_a_page_for_each_part_that_names_its_modules():
    pages = build.reference_pages()
    assert "## response\n\n```{eval-rst}\n.. automodule:: kdbook.losses.response\n" in pages["losses"]
    assert all(name.replace("/", "_") in pages["index"] for name in build.DOCUMENTED)


def test_missing_scripts_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "MODULES", tmp_path / "node_modules")
    with pytest.raises(FileNotFoundError, match="run `make site`"):
        build.vendor(tmp_path)


def test_vendored_packages_are_pinned_with_a_checksum_and_without_an_address():
    lock = json.loads((SITE / "package-lock.json").read_text())
    wanted = json.loads((SITE / "package.json").read_text())["dependencies"]
    packages = {name: about for name, about in lock["packages"].items() if name}
    assert all(about["integrity"].startswith("sha512-") for about in packages.values())
    assert not any("resolved" in about for about in packages.values())
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
