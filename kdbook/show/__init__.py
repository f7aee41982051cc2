"""How results are seen: marks that figures are made of, one look for all, sliders, and the ledger as a table.

`figures` saves and shows what the questions draw with the marks of `grammar`; `sliders` links pictures to a slider;
`explorer` softens what a reader chooses or types. Nothing is trained or computed here beyond what a picture needs.
"""

from kdbook import on_demand

__getattr__ = on_demand(
    __name__,
    {
        "explorer": "answer show_live temperature_explorer temperature_slider",
        "figures": "show_figure show_picture",
        "ledger": "show_ledger",
        "sliders": "page_picker picture_slider",
    },
)
