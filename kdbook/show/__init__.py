"""How results are seen: marks that figures are made of, one look for all, sliders, and the ledger as a table.

`figures` saves and shows what the questions draw with the marks of `grammar`; `sliders` links pictures to a slider;
`explorer` softens what a reader chooses or types; `gpu_cell` has the lab train what only a GPU would. Otherwise nothing
is trained or computed here beyond what a picture needs.
"""

from kdbook import on_demand

__getattr__ = on_demand(__name__)
