"""The equations of the book as pure functions of tensors: response, feature, relation and sequence losses.
They hold no modules, no optimisers and no teacher: where soft targets come from and how a student moves is
kdbook.training. Each is had from here, or from its own file."""

from kdbook import on_demand

__getattr__ = on_demand(__name__)
