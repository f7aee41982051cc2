"""The equations of the book as pure functions of tensors: response, feature, relation and sequence losses.
They hold no modules, no optimisers and no teacher: where soft targets come from and how a student moves is
kdbook.training. Response losses are importable from here, the others from their own file."""

from kdbook import on_demand

__getattr__ = on_demand(
    __name__,
    {
        "mutual": "born_again_loss deep_to_shallow_loss mutual_loss progressive_targets",
        "response": "dkd_loss entropy_bits hard_loss kd_loss logit_matching soft_cross_entropy soft_targets",
    },
)
