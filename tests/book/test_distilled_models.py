"""The table of published models: complete, each number read once, and the ledger's constants equal to it."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from kdbook.book.tables import distilled_models
from kdbook.book.tables.distilled_models import COLUMNS, FAMILIES, chart, family, pages, published, readout
from kdbook.lab.statements import load_claims

TABLE = published()
# What the ledger's rows of constants quote -> model, benchmark, column
QUOTED = {
    "minitron-pruning-distillation": [
        ("Minitron 8B", "MMLU 5-shot", ("student_score", "teacher_score", "student_baseline_score")),
        ("Minitron 4B", "MMLU 5-shot", ("student_score",)),
        ("Minitron 4B ablation", "MMLU 5-shot, equal compute", ("student_score", "student_baseline_score")),
        ("Minitron 4B ablation", "HellaSwag, equal compute", ("student_score", "student_baseline_score")),
    ],
    "pretraining-distillation-gemma-llama": [
        ("Gemma 2 2B ablation", "average of 3 benchmarks", ("student_score", "student_baseline_score")),
        ("Gemma 2 9B", "MMLU 5-shot", ("student_score", "teacher_score", "student_baseline_score")),
        ("Llama 3.2 1B (base)", "MMLU 5-shot", ("student_score", "teacher_score")),
        ("Llama 3.2 3B (base)", "MMLU 5-shot", ("student_score",)),
    ],
    "orca-vicuna": [
        ("Orca-13B", "Big-Bench Hard, zero-shot", ("student_score", "teacher_score", "student_baseline_score")),
        ("Orca-13B", "AGIEval, zero-shot", ("student_score", "teacher_score", "student_baseline_score")),
        ("Vicuna-13B", "Big-Bench Hard, zero-shot", ("teacher_score",)),
    ],
    "capacity-gap-100x": [
        ("DeepSeek-R1-Distill-Qwen-1.5B", "AIME 2024 pass@1", ("student_score", "teacher_params_b")),
        ("DeepSeek-R1-Distill-Qwen-1.5B", "MATH-500 pass@1", ("student_score",)),
    ],
}


def row(model, benchmark):
    (found,) = TABLE[(TABLE.model == model) & (TABLE.benchmark == benchmark)].to_dict("records")
    return found


def numbers(claim):
    text = " ".join([claim.statement, claim.why, claim.published, claim.reason])
    return {float(n) for n in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", text)}


@pytest.mark.parametrize("name", QUOTED)
def test_the_constants_that_the_ledger_quotes_are_those_of_the_table(name):
    (claim,) = [c for c in load_claims() if c.id == name]
    wanted = {row(model, benchmark)[column] for model, benchmark, columns in QUOTED[name] for column in columns}
    assert wanted - numbers(claim) == set()


def test_the_smallest_deepseek_student_is_447_times_smaller():
    assert round(row("DeepSeek-R1-Distill-Qwen-1.5B", "AIME 2024 pass@1")["size_ratio"]) == 447


def test_each_row_has_a_source_and_says_how_it_was_read():
    assert TABLE[["model", "benchmark", "source", "checked", "student_score", "student_params_b"]].notna().all().all()
    assert not TABLE[TABLE.checked.str.contains("memory|excerpt")].read.any()
    assert TABLE[TABLE.checked == "full text read"].read.all()


def test_a_student_and_benchmark_stand_there_once():
    assert not TABLE.duplicated(["model", "benchmark"]).any()


def test_ratios_turn_round_where_lower_is_better():
    worse = row("DistilGPT2", "WikiText-103 test perplexity (lower is better)")
    assert worse["score_ratio"] == pytest.approx(100 * 16.3 / 21.1)
    speech = row("Hinton speech DNN (distilled)", "WER % (lower is better)")
    assert (speech["score_ratio"], speech["gap_closed"]) == pytest.approx((100, 100))
    assert speech["gain"] == pytest.approx(0.2)


def test_the_gap_closed_is_that_of_tinyberts_table():
    tiny = row("TinyBERT4", "GLUE test average (9 columns, no WNLI)")
    assert tiny["gain"] == pytest.approx(6.8)
    assert tiny["gap_closed"] == pytest.approx(100 * 6.8 / 9.3)
    assert np.isnan(row("phi-1", "HumanEval pass@1")["gap_closed"])


def test_every_model_has_one_family_and_an_unknown_one_is_named():
    assert set(TABLE.family) == set(FAMILIES)
    with pytest.raises(ValueError, match="'GPT-9' must belong to one family, found"):
        family("GPT-9")


def test_the_table_is_documented_and_without_training(micro):
    table, _ = micro("distilled_models")
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == len(TABLE) and table.seed.eq(0).all()


def test_a_damaged_table_is_refused(monkeypatch):
    from kdbook.data import files

    monkeypatch.setitem(files.SHA256, distilled_models.FILE, "0" * 64)
    with pytest.raises(files.DamagedFileError, match="distilled_models.csv has SHA-256"):
        published()


def test_each_benchmark_has_a_page():
    assert set(pages(TABLE)) == set(TABLE.benchmark)


@pytest.mark.parametrize("benchmark", sorted(set(TABLE.benchmark)))
def test_a_chart_is_valid_and_joins_each_student_to_its_teacher(benchmark):
    rows = TABLE[TABLE.benchmark == benchmark]
    tree = ElementTree.fromstring(chart(rows))
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
    assert "<script>" not in chart(rows) + readout(rows)
