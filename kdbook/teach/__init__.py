"""How the book is taught: exercises that say what is wrong without giving the answer away.

One module a chapter holds its checks, called by the notebook; `feedback` what they share. The questions themselves and
their stubs stand in the notebooks. Nothing is trained or drawn here.
"""

from kdbook.teach.dark_knowledge import (
    check_information,
    check_missing_bias,
    check_repaired_cross_entropy,
    check_soft_targets,
)
from kdbook.teach.knowledge_types import check_attention_map, check_relational_distance, check_repaired_similarity
from kdbook.teach.language_models import (
    check_cosine_loss,
    check_layer_map,
    check_repaired_token_loss,
    check_retention,
)
from kdbook.teach.llm_era import (
    check_entropy,
    check_generalized_jsd,
    check_missing_mass,
    check_shares_closed,
    check_sharpened,
    check_token_mean,
    check_uses,
)
from kdbook.teach.mathematics import (
    check_kd_loss,
    check_logit_limit,
    check_repaired_mixture,
    check_repaired_soft_loss,
    check_soft_gradient,
)
from kdbook.teach.overview import check_gap_closed, check_other_alpha, check_size_ratio
from kdbook.teach.specialists import check_dustbin_correction, check_one_specialist, check_repaired_objective
from kdbook.teach.speech_and_vision import (
    check_depthwise_saving,
    check_ensemble,
    check_mixup,
    check_share_closed,
    check_share_kept,
    check_words_needed,
)
from kdbook.teach.temperature import check_dark_mass, check_repaired_stack, check_temperature_for_top
from kdbook.teach.training_modes import check_mutual_loss, check_progressive_targets, check_repaired_exits
