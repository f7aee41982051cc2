"""Where experiments run and are kept: `run`, `load`, the trial store, engines, and the claims ledger.

`run` trains what the store lacks; `load` reads committed results; both return `Results`, a DataFrame with arrays.
Nothing is drawn here (`kdbook.show`), and no experiment is defined here (`kdbook.experiments`).
"""

from kdbook.lab.results import Results
from kdbook.lab.runs import load, pick_device, run
from kdbook.lab.store import Store

__all__ = ["Results", "Store", "load", "pick_device", "run"]
