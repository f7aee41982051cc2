"""The ledger on a page: one row a number, and nothing that would break the page."""

import re

from kdbook.lab import claims
from kdbook.lab.claims import Estimate, Measured, Row
from kdbook.lab.statements import Check, Claim
from kdbook.show import ledger
from kdbook.show.ledger import show_ledger

CHECKS = [
    Check(f"<{name}>", "errors", "hinton_mnist", "test_errors", {"arm": name}, relation="less", than=9) for name in "ab"
]
MEASURED = Claim("m", "01", "A & B", "correct", "why", "source", "read", "9", "experiment", checks=tuple(CHECKS))
CITED = Claim("c", "01", "a fact", "wrong", "why", "source", "read", "a page", "citation", reason="read")


def page(monkeypatch, folder=None):
    estimates = [Measured(check, Estimate(3, 2, 4, 5), Estimate(7, 7, 7, 1), claims.HOLDS) for check in CHECKS]
    found = [Row(MEASURED, tuple(estimates), claims.REPRODUCED), Row(CITED, (), claims.UNTESTABLE)]
    monkeypatch.setattr(ledger, "rows", lambda chapter, quick_folder: found)
    return show_ledger("01", folder).data


def lines(html):
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", line) for line in re.findall(r"<tr>(.*?)</tr>", html)]


def test_a_claim_stands_above_its_numbers_a_line_each(monkeypatch, tmp_path):
    head, claim, first, second, cited, read = lines(page(monkeypatch, tmp_path))
    assert head[-1] == "yours (provisional)"
    assert claim == ["<b>reproduced</b> · A &amp; B (summary, by reading: correct)"]
    assert first == ["&lt;a&gt; (errors)", "&lt; 9", "3 [2, 4]", "holds", "7"]
    assert second == ["&lt;b&gt; (errors)", "&lt; 9", "3 [2, 4]", "holds", "7"]
    assert "a fact" in cited[0]
    assert read == ["by reading: a page"]


def test_without_an_own_run_its_column_is_left_out(monkeypatch):
    head, _, first, *_ = lines(page(monkeypatch))
    assert "yours (provisional)" not in head
    assert len(first) == len(head)


def test_text_is_escaped(monkeypatch):
    assert "A &amp; B" in page(monkeypatch)
