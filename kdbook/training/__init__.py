"""How students learn: where soft targets come from, what is minimised, and the one loop that minimises it.

`teachers` answer with soft targets, `objectives` turn a batch into a loss a row, `loop.fit` trains one student or a
`cohort` of them. What is measured about the result lives in `kdbook.book`.
"""

from kdbook import on_demand

__getattr__ = on_demand(
    __name__,
    {
        "checkpoint": "Checkpoint",
        "cohort": "StackedMLP stack unstack",
        "loop": "History adam fit one_cycle sgd",
        "objectives": "Batch Distillation HardLabels OwnRates",
        "teachers": "ApiTeacher CachedTeacher CohortTeacher EnsembleTeacher LiveTeacher Looking SoftTargets predict",
    },
)
