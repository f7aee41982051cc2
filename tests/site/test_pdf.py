"""The book that is printed: every article once, in order, its links leading on from where the chapters stand."""

from ..scripts import load_script

pdf = load_script("site/pdf.py")


def site(folder):
    (folder / "chapters").mkdir()
    for page in [*pdf.BESIDE, "index", *(f"chapters/{notebook.stem}" for notebook in pdf.chapters())]:
        state = '<script type="application/vnd.jupyter.widget-state+json">{"large": 1}</script>'
        body = f'<article class="bd-article"><h1>{page}</h1><a href="play.html">x</a>{state}</article>'
        (folder / f"{page}.html").write_text(f"<html><nav>menu</nav>{body}<footer>end</footer></html>")
    return pdf.book(folder)


def test_every_page_of_the_book_is_printed_once_in_order(tmp_path):
    book = site(tmp_path)
    places = [
        book.index(f"<h1>{page}</h1>") for page in ("index", "chapters/00_overview", "chapters/09_llm_era", "method")
    ]
    assert places == sorted(places)
    assert book.count("<h1>") == len(pdf.chapters()) + 1 + len(pdf.BESIDE)
    assert book.count("menu") == book.count("end</footer>") == 1 and "large" not in book


def test_links_of_pages_beside_the_chapters_still_lead_where_they_led(tmp_path):
    book = site(tmp_path)
    assert '<h1>index</h1><a href="../play.html">' in book
    assert '<h1>chapters/03_math</h1><a href="play.html">' in book
