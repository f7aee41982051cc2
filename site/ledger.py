"""The ledger as a page: a line a verdict that unfolds to its claims, each of which unfolds to its numbers."""

import re
from itertools import groupby

from kdbook.lab.claims import Row
from kdbook.lab.pages import findings_first

SECTION = re.compile(r"^### (\S+)\n(.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)
SEARCH = """```{raw} html
<p><label>Search the claims <input type="search" id="claims-search"></label>
<span id="claims-found" role="status"></span></p>
<script src="_static/ledger.js" defer></script>
```"""


def page(ledger: list[Row], text: str) -> str:
    """The Markdown of `results/CLAIMS.md`, grouped and folded.

    Parameters
    ----------
    ledger : list of Row
        The claims, in any order.
    text : str
        That file, from which the introduction, the counts and what is told in detail are taken.

    Returns
    -------
    str
        MyST: dropdowns in dropdowns, each claim under its own name.
    """
    introduction, _, rest = text.replace("(METHOD.md)", "(method.md)").partition("\n## ")
    bodies = dict(SECTION.findall(rest.partition("\n## In detail\n")[2]))
    parts = [introduction, SEARCH]
    for verdict, group in groupby(findings_first(ledger), key=lambda row: row.verdict):
        group = list(group)
        parts += [f":::::{{dropdown}} {verdict.capitalize()}: {len(group)}\n:class-container: kd-verdict\n"]
        parts += [_claim(row, bodies[row.claim.id]) for row in group]
        parts += [":::::\n"]
    return "\n".join(parts)


def _claim(row: Row, body: str) -> str:
    """A claim that unfolds to what its section says, its own sentence left out."""
    told = re.search(r"</summary>\n(.*)</details>", body, re.DOTALL)[1].strip()
    chapter = "" if row.claim.chapter == "00" else f"Chapter {row.claim.chapter}. "
    return (
        f"::::{{dropdown}} {row.claim.statement}\n:name: {row.claim.id}\n:class-container: kd-claim\n\n"
        f"{chapter}**{row.verdict.capitalize()}.**\n\n{told}\n::::\n"
    )
