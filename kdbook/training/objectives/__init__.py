"""What is minimised: a callable `(models, batch) -> (loss a row, its parts)`. Everybody imports from here.

An objective may also have `start_epoch(epoch)`, `state_dict()` and `load_state_dict(state)`; the loop calls the first
and checkpoints the others, so a table of last epoch's predictions or a co-trained teacher lives in the objective.
"""

from kdbook.training.objectives.across import Aligned, across_vocabularies, by_bytes, by_rank, by_token
from kdbook.training.objectives.answers import (
    Distillation,
    HardLabels,
    LogitRegression,
    PartlyLabelled,
    RegularisedSpecialist,
    TreatedTargets,
    WithoutFactor,
)
from kdbook.training.objectives.asking import Batch
from kdbook.training.objectives.features import Contrastive, Flow, Pairwise, Regressed, Transfer
from kdbook.training.objectives.modes import (
    Collaborative,
    CoTrained,
    Logged,
    MutualLearning,
    ProgressiveSelf,
    SelfExits,
    TrainingMode,
    who_teaches,
)
from kdbook.training.objectives.sentences import (
    OnPolicy,
    PolicyGradient,
    TeacherForced,
    labels,
    places,
    recorded,
    shifted,
    soft,
    top_k,
)
from kdbook.training.objectives.words import (
    LayerDistillation,
    LayerRecipe,
    MaskedLM,
    Projected,
    TripleDistillation,
    TripleRecipe,
)
from kdbook.training.objectives.wrappers import Mixup, OwnRates, Seen
