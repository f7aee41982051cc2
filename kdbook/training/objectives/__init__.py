"""What is minimised: a callable `(models, batch) -> (loss a row, its parts)`. Everybody imports from here.

An objective may also have `start_epoch(epoch)`, `state_dict()` and `load_state_dict(state)`; the loop calls the first
and checkpoints the others, so a table of last epoch's predictions or a co-trained teacher lives in the objective.
"""

from kdbook import on_demand

__getattr__ = on_demand(
    __name__,
    {
        "across": "Aligned across_vocabularies by_bytes by_rank by_token",
        "answers": "CorrelatedDistillation DecoupledDistillation Distillation HardLabels LogitRegression "
        "PartlyLabelled RegularisedSpecialist StandardizedDistillation TreatedTargets WithoutFactor",
        "asking": "Batch",
        "features": "Contrastive Flow Pairwise Regressed Transfer",
        "modes": "Collaborative CoTrained Logged MutualLearning ProgressiveSelf SelfExits TrainingMode who_teaches",
        "sentences": "OnPolicy PolicyGradient TeacherForced labels places recorded shifted soft top_k",
        "words": "LayerDistillation LayerRecipe MaskedLM Projected TripleDistillation TripleRecipe",
        "wrappers": "Cropped Mixup OwnRates Seen",
    },
)
