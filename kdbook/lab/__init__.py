"""Where experiments run and are kept: `run`, `load`, the trial store, engines, and the claims ledger.

`run` trains what the store lacks; `load` reads committed results; both return `Results`, a DataFrame with arrays.
Nothing is drawn here (`kdbook.show`), and no experiment is defined here (`kdbook.book`).
"""

from kdbook.lab.intervals import t_interval
from kdbook.lab.results import Results, output_folder
from kdbook.lab.runs import describe_run, load, pick_device, run
from kdbook.lab.store import Store
