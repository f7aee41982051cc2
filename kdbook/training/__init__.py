"""How students learn: where soft targets come from, what is minimised, and the one loop that minimises it.

`teachers` answer with soft targets, `objectives` turn a batch into a loss a row, `loop.fit` trains one student or a
`cohort` of them. `distil` does all of it for a user's own nets and data, and `report` says what came of it. What is
measured about the book's own results lives in `kdbook.book`.
"""

from kdbook.training.checkpoint import Checkpoint
from kdbook.training.cohort import StackedMLP, stack, unstack
from kdbook.training.loop import History, adam, falling, fit, one_cycle, sgd
from kdbook.training.objectives import Batch, Distillation, HardLabels, OwnRates
from kdbook.training.teachers import ApiTeacher, CachedTeacher, EnsembleTeacher, LiveTeacher, SoftTargets, predict
