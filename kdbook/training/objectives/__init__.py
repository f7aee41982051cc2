"""What is minimised: a callable `(models, batch) -> (loss a row, its parts)`. Everybody imports from here.

An objective may also have `start_epoch(epoch)`, `state_dict()` and `load_state_dict(state)`; the loop calls the first
and checkpoints the others, so a table of last epoch's predictions or a co-trained teacher lives in the objective.
"""

from kdbook import on_demand

__getattr__ = on_demand(__name__)
