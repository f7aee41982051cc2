"""kdbook: the helper package of the knowledge-distillation workbook.

Here lives what two chapters share and what runs long; the ideas themselves are in `notebooks/`.
Floors, lowest first: data, models, losses; training; experiments; lab; show, teach; the command line.
"""

__version__ = "0.1.0"
