"""Where questions are run and kept: `run`, `load`, arms and trials, the store, engines, and the claims ledger.

`run` trains what the store lacks; `load` reads committed results; both return `Results`, a DataFrame with arrays.
A question takes its arms, columns, trials and tools from here, and what it does with them from `steps`.
Nothing is drawn here (`kdbook.show`), and no question is asked here (`kdbook.book`).
"""

from kdbook import on_demand

__getattr__ = on_demand(__name__)
