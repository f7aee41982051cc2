"""The ledger on a page: a line a claim that unfolds to its numbers, and nothing that would break the page."""

import re

from kdbook.lab.claims import Estimate, Measured, Row
from kdbook.lab.statements import Check, Claim
from kdbook.show import ledger
from kdbook.show.ledger import show_ledger

CHECKS = tuple(
    Check(f"<{name}>", "errors", "hinton_mnist", "test_errors", {"arm": name}, relation="less", than=9, key=True,
          published=4)
    for name in "ab"
)  # fmt: skip
MEASURED = Claim("m", "01", "A & B", "correct", "why", "source", "full text read", "9", "experiment", checks=CHECKS)
CITED = Claim("c", "01", "a fact", "wrong", "why", "source", "full text read", "a page", "citation", reason="read")


def page(monkeypatch, folder=None):
    ours, yours = Estimate(3, 2, 4, 5), Estimate(7, 7, 7, 1)
    estimates = tuple(Measured(check, ours, yours, "shown", carried=4) for check in CHECKS)
    found = [Row(CITED, (), "checked by reading"), Row(MEASURED, estimates, "shown")]
    monkeypatch.setattr(ledger, "rows", lambda chapter, quick_folder: found)
    return show_ledger("01", folder).data


def lines(html):
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", line) for line in re.findall(r"<tr>(.*?)</tr>", html)]


def test_a_claim_is_a_line_that_unfolds_findings_first(monkeypatch):
    found = re.findall(r"<details><summary>(.*?)</summary>", page(monkeypatch))
    assert found == ["<b>shown</b> · A &amp; B", "<b>checked by reading</b> · a fact"]


def test_a_page_that_is_committed_has_no_column_of_the_readers_own_run(monkeypatch, tmp_path):
    monkeypatch.setenv("KDBOOK_PAGE", "1")
    assert "provisional" not in page(monkeypatch, tmp_path)


def test_its_numbers_stand_folded_a_line_each(monkeypatch, tmp_path):
    head, first, second = lines(page(monkeypatch, tmp_path))
    assert head == ["measured", "ours [95 % interval]", "n", "carried over", "outcome", "yours (provisional)"]
    assert first == ["&lt;a&gt; (errors) (key)", "3 [2, 4]", "5", "4", "shown", "7"]
    assert second == ["&lt;b&gt; (errors) (key)", "3 [2, 4]", "5", "4", "shown", "7"]


def test_without_an_own_run_its_column_is_left_out(monkeypatch):
    head, first, _ = lines(page(monkeypatch))
    assert "yours (provisional)" not in head
    assert len(first) == len(head)


def test_what_was_published_and_what_reading_says_is_folded_too(monkeypatch):
    assert "<p>Published: a page. The summary, by reading: wrong.</p></details>" in page(monkeypatch)
