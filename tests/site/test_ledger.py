"""The ledger as a page: nothing of it is lost, and all of it is folded."""

from kdbook.lab.claims import rows

from ..scripts import ROOT, load_script

ledger = load_script("site/ledger.py")
TEXT = (ROOT / "results" / "CLAIMS.md").read_text()


def test_every_claim_is_folded_under_its_verdict_with_a_place_to_link_to():
    every = rows()
    page = ledger.page(every, TEXT)
    for row in every:
        before, _, after = page.partition(f"::::{{dropdown}} {row.claim.statement}\n:name: {row.claim.id}\n")
        assert before.rpartition(":::::{dropdown} ")[2].startswith(f"{row.verdict.capitalize()}: ")
        assert "- Published: " in after.partition("\n::::\n")[0]
    assert page.count("\n:::::\n") == len({row.verdict for row in every})


def test_the_introduction_and_the_counts_come_first_and_lead_to_the_page_on_the_method():
    introduction = ledger.page([], TEXT)
    assert introduction.startswith("# Claims")
    assert "| verdict | claims |" in introduction
    assert "(method.md)" in introduction and "METHOD.md)" not in introduction
