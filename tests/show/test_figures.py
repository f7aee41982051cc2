"""Figures: found by name, drawn the same each time, saved with alt text and the arrays behind them."""

import io
import json

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import pytest

from kdbook.lab import arms, load
from kdbook.show import figures
from kdbook.show.figures import COMMITTED, closed_png, index, plotted, png, registered, save, show_figure
from kdbook.show.style import style


def draw():
    with style():
        fig, (left, right) = plt.subplots(1, 2)
    left.plot([0, 1, 2], [1.0, np.nan, 3.0], label="line")
    left.bar([0, 1], [5, 7], label="bars")
    left.set(title="T", xlabel="x", ylabel="y")
    right.scatter([1, 2], [3, 4], label="points")
    right.imshow(np.ma.masked_equal([[1.0, 2.0], [3.0, 9.0]], 9.0))
    return fig


@pytest.fixture
def drawn():
    yield draw()
    plt.close("all")


def test_the_saved_arrays_are_those_that_were_plotted(drawn):
    left, right = map(plotted, drawn.axes)
    assert (left["title"], left["xlabel"], left["ylabel"]) == ("T", "x", "y")
    line, bars = left["series"]
    assert line == {"kind": "line", "label": "line", "x": [0, 1, 2], "y": [1, None, 3]}
    assert bars["kind"] == "bar"
    assert bars["y"] == [5, 7]
    points, image = right["series"]
    assert (points["x"], points["y"]) == ([1, 2], [3, 4])
    assert image["values"] == [[1, 2], [3, None]]


def test_drawing_twice_gives_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        save(draw(), "f", alt="What is seen.", folder=tmp_path / folder)
    for suffix in ("svg", "png", "json"):
        assert (tmp_path / "a" / f"f.{suffix}").read_bytes() == (tmp_path / "b" / f"f.{suffix}").read_bytes()


ODD = {
    "figure.dpi": 33, "savefig.dpi": 300, "font.size": 22, "font.family": "cursive", "lines.linewidth": 9,
    "figure.constrained_layout.use": False, "savefig.bbox": "tight", "axes.prop_cycle": "cycler('color', ['red'])",
    "svg.fonttype": "none", "savefig.transparent": True, "axes.facecolor": "black", "image.cmap": "jet",
    "axes.unicode_minus": False, "path.sketch": (1, 100, 2), "axes.titlesize": 40, "svg.hashsalt": "mine",
    "text.usetex": True, "axes.grid": False,
}  # fmt: skip


@pytest.mark.parametrize("name", ["hinton_errors", "similarity_matrices"])
def test_a_readers_own_settings_of_matplotlib_change_no_figure(name, tmp_path):
    entry = registered()[name]
    for folder, settings in (("plain", {}), ("odd", ODD)):
        with plt.rc_context(settings):
            drawn = entry.draw(load(entry.question))
            save(drawn, name, alt=entry.alt, folder=tmp_path / folder)
            (tmp_path / folder / "closed.png").write_bytes(closed_png(drawn))
    for file in (tmp_path / "plain").iterdir():
        assert file.read_bytes() == (tmp_path / "odd" / file.name).read_bytes(), file.name


def test_no_date_stands_in_a_saved_figure(drawn, tmp_path):
    save(drawn, "f", alt="What is seen.", folder=tmp_path)
    assert "<dc:date>" not in (tmp_path / "f.svg").read_text()
    assert b"tIME" not in png(drawn)


def test_alt_text_is_required_and_saved(drawn, tmp_path):
    with pytest.raises(ValueError, match="alt text"):
        save(drawn, "f", alt=" ", folder=tmp_path)
    save(drawn, "f", alt="What is seen.", folder=tmp_path)
    assert json.loads((tmp_path / "f.json").read_text())["alt"] == "What is seen."


def test_every_figure_belongs_to_a_question_and_a_chapter_and_has_alt_text():
    found = registered()
    assert len(found) >= 10
    for entry in found.values():
        assert entry.question in arms.names()
        assert entry.chapter.isdigit() and len(entry.chapter) == 2
        assert 40 < len(entry.alt) < 400


def test_an_unknown_figure_is_refused_with_the_list_of_those_there_are():
    with pytest.raises(ValueError, match="unknown figure 'nonsense'.*hinton_errors"):
        show_figure("nonsense", None)


def test_a_page_that_is_committed_shows_the_reference_alone(monkeypatch):
    given = []
    entry = figures.Registered("toy", "01", "q", "a toy", lambda reference, mine: given.append(mine) or draw())
    monkeypatch.setattr(figures, "figure_of", lambda name: entry)
    monkeypatch.setattr(figures, "display", lambda *_, **__: None)
    monkeypatch.delenv("KDBOOK_OUT", raising=False)
    for page in ("", "1"):
        monkeypatch.setenv("KDBOOK_PAGE", page)
        show_figure("toy", "reference", "mine")
    assert given == ["mine", None]


def test_the_committed_figures_are_those_that_questions_register_and_the_index_lists_them():
    assert sorted(path.stem for path in COMMITTED.glob("*.json")) == [*registered()]
    assert (COMMITTED / "index.md").read_text() == index(registered())


@pytest.mark.parametrize(("size", "expected"), [((40, 30), (120, 30)), ((90, 30), (90, 90))], ids=["beside", "below"])
def test_stills_stand_side_by_side_and_wide_ones_below_each_other(size, expected, monkeypatch):
    shown = []
    monkeypatch.setattr(figures, "display", lambda picture, metadata: shown.append((picture, metadata)))
    still = io.BytesIO()
    PIL.Image.new("RGB", size, "red").save(still, "png")
    figures.show_strip([still.getvalue()] * 3, alt="three red ones")
    ((picture, metadata),) = shown
    assert PIL.Image.open(io.BytesIO(picture.data)).size == expected
    assert metadata["image/png"]["alt"] == "three red ones"
