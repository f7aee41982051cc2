"""How results are seen: marks that figures are made of, one look for all, sliders, and the ledger as a table.

`figures` saves and shows what the questions draw with the marks of `grammar`; `sliders` links pictures to a slider;
`explorer` softens what a reader chooses or types; `gpu_cell` has the lab train what only a GPU would. Otherwise nothing
is trained or computed here beyond what a picture needs.
"""

from kdbook import on_demand

__getattr__ = on_demand(
    __name__,
    {
        "explorer": "answer show_live temperature_explorer temperature_slider",
        "figures": "figure show_figure show_picture",
        "grammar": "OWN Both by_arm curve dot epochs gallery heat ladder level line lying names of_seeds plain "
        "published rows_of seeds temperatures yours",
        "gpu": "gpu_cell",
        "ledger": "show_ledger",
        "sliders": "page_picker picture_slider",
        "style": "CONTROL HARD PLAIN PUBLISHED ROLES SOFT SOFT_SHIFTED TEACHER YOURS Look looks",
    },
)
