"""Chapters as pages show them: numbered figures of the reference, captions, and words in place of names."""

import base64

import nbformat
import pytest

from kdbook.show.figures import registered

from ..scripts import ROOT, load_script

chapters = load_script("site/chapters.py")
PNG = base64.b64encode(b"a picture").decode()
WIDGET = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}


def picture(alt):
    return nbformat.v4.new_output("display_data", {"image/png": PNG}, metadata={"image/png": {"alt": alt}})


def shown(folder, *cells, chapter="04"):
    made = [nbformat.v4.new_code_cell(source, outputs=outputs) for source, outputs in cells]
    return chapters.for_pages(nbformat.v4.new_notebook(cells=made), chapter, folder).cells


def test_a_figure_is_the_committed_one_with_its_number_and_its_caption(tmp_path):
    (cell,) = shown(tmp_path, ('show_figure(\n    "fitnets", full, mine)', [picture("whatever")]))
    html = cell.outputs[0].data["text/html"]
    assert f'src="../_static/{tmp_path.name}/fitnets.svg"' in html and "image/png" not in cell.outputs[0].data
    assert f"<b>Figure 4.1.</b> {registered()['fitnets'].alt}</figcaption>" in html


def test_what_a_cell_drew_without_a_name_is_kept_as_it_is_and_counted(tmp_path):
    one, two = shown(tmp_path, ("plot()", [picture("a bell")]), ("plot()", [picture("two < three")]))
    assert (tmp_path / "drawn-4.2.png").read_bytes() == b"a picture"
    assert "<b>Figure 4.1.</b> a bell" in one.outputs[0].data["text/html"]
    assert "<b>Figure 4.2.</b> two &lt; three" in two.outputs[0].data["text/html"]


def test_the_stills_under_a_slider_have_no_number(tmp_path):
    outputs = [nbformat.v4.new_output("display_data", WIDGET), picture("stills")]
    slider, after = shown(tmp_path, ("picture_slider()", outputs), ("plot()", [picture("next")]))
    assert slider.outputs[1].data == {"image/png": PNG}
    assert "Figure 4.1." in after.outputs[0].data["text/html"]


def test_links_that_a_cell_has_printed_lead_to_pages_and_sources_stay_as_they_are(tmp_path):
    output = nbformat.v4.new_output("display_data", {"text/html": "<a href='03_math.ipynb'>03</a>"})
    (cell,) = shown(tmp_path, ("print('03_math.ipynb')", [output]))
    assert cell.outputs[0].data["text/html"] == "<a href='03_math.html'>03</a>"
    assert cell.source == "print('03_math.ipynb')"


def test_headings_of_tables_are_labels_of_arms_or_words(tmp_path):
    table = "<th>no_3_2</th><th id='a' >test_errors</th><td>no_3_2</td>"
    output = nbformat.v4.new_output("execute_result", {"text/html": table}, execution_count=1)
    (cell,) = shown(tmp_path, ('load("missing_digit")', [output]))
    assert cell.outputs[0].data["text/html"] == "<th>no 3s, no 2s</th><th id='a' >test errors</th><td>no_3_2</td>"


def test_a_name_that_two_questions_label_differently_has_no_label():
    assert chapters.agreed([("a", "one"), ("a", "two"), ("b", "three\nlines"), ("b", "three lines")]) == {
        "b": "three lines"
    }


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_figure_of_a_chapter_is_found_by_its_name(notebook, tmp_path):
    read = nbformat.read(notebook, as_version=4)
    named = sum(len(chapters.SHOWN.findall(cell.source)) for cell in read.cells if cell.cell_type == "code")
    page = nbformat.writes(chapters.for_pages(read, notebook.name[:2], tmp_path))
    assert page.count('.svg\\" alt=') == named > 0


def test_what_a_page_adds_to_a_figure_stands_below_its_cell_and_nowhere_else(tmp_path):
    cells = shown(tmp_path, ('show_figure("specialist_clusters", full)', []), ('show_figure("fitnets", full)', []))
    assert [cell.cell_type for cell in cells] == ["code", "markdown", "code"]
    assert "<kd-doubts" in cells[1].source
