"""The chart to be filtered: every row is there, its source is told, and nothing breaks out of the HTML."""

from xml.etree import ElementTree

import ipywidgets as widgets
import pytest

from kdbook.book.plots.distilled_models import ALL, chart, pages, readout
from kdbook.book.tables.distilled_models import FAMILIES, published
from kdbook.show import page_picker

TABLE = published()


def test_each_benchmark_and_each_family_has_a_page():
    assert set(pages(TABLE, "benchmark")) == set(TABLE.benchmark)
    assert list(pages(TABLE, "family")) == [ALL, *FAMILIES]


@pytest.mark.parametrize("benchmark", sorted(set(TABLE.benchmark)))
def test_a_chart_is_valid_and_joins_each_student_to_its_teacher(benchmark):
    rows = TABLE[TABLE.benchmark == benchmark]
    tree = ElementTree.fromstring(chart(rows, scores=True))
    circles = tree.findall("circle")
    told = [c.find("title").text for c in circles]
    assert all(any(source in text for text in told) for source in rows.source)
    assert [c.get("fill") == "white" for c in circles] == [not read for read in rows.read]
    with_teacher = (rows.teacher_score.notna() & rows.teacher_params_b.notna()).sum()
    assert len(tree.findall("rect")) == with_teacher
    assert len([line for line in tree.findall("line") if line.get("opacity")]) == with_teacher
    positions = [float(c.get(k)) for c in circles for k in ("cx", "cy")]
    assert all(0 <= p <= 640 for p in positions)


def test_the_list_marks_what_was_not_read_in_full_and_links_what_has_an_address():
    text = readout(TABLE)
    assert text.count("<li>") == len(TABLE)
    assert text.count(" *</li>") == (~TABLE.read).sum()
    assert text.count("<a href=") == TABLE.link.notna().sum()


def test_names_cannot_break_out_of_the_page():
    rows = TABLE.head(1).assign(model="DistilBERT <script>", source='"&')
    assert "<script>" not in chart(rows, scores=True) + readout(rows)


def test_the_list_to_choose_from_is_linked_to_its_pages():
    box = page_picker("benchmark", {"a": "<p>1</p>", "b": "<p>2</p>"})
    names, stack = box.children
    assert [label for label, _ in names.options] == ["a", "b"]
    assert [page.value for page in stack.children] == ["<p>1</p>", "<p>2</p>"]
    assert isinstance(stack, widgets.Stack) and stack.selected_index == 0


def test_one_page_is_nothing_to_choose_from():
    with pytest.raises(ValueError, match="two or more pages, got 1"):
        page_picker("benchmark", {"a": "<p>1</p>"})
