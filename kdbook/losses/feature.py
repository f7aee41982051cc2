"""Feature losses: the student learns from what the teacher has inside, its hidden layers.

Examples are the first axis, so that `reduction="none"` returns one value an example, the mean over all its elements.
No gradient reaches the teacher's features. Half inputs are computed in float32; features have no unit.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook import check_choice
from kdbook.losses import checks


@checks.row_loss
def hint_loss(f_s: Tensor, f_t: Tensor, regressor: Callable | None = None, *, check: bool = True) -> Tensor:
    """Mean squared difference between the teacher's hint layer and the student's regressed guided layer.

    The paper sums over elements and halves; here the mean over elements, which is that times 2 / elements: a weight
    then means the same for layers of any size (Romero et al. 2015, FitNets, eq. 3).

    >>> thin, wide = torch.ones(2, 3), torch.zeros(2, 5)
    >>> hint_loss(thin, wide, regressor=torch.nn.Linear(3, 5)).shape
    torch.Size([])
    >>> hint_loss(wide, wide + 2)
    tensor(4.)

    Parameters
    ----------
    f_s, f_t : Tensor (B, ...)
        Guided and hint layer.
    regressor : callable, optional
        Maps `f_s` to the shape of `f_t`, and is trained with the student; None where the shapes agree.
    reduction, check : str, bool
        "mean" returns a scalar, "none" a tensor (B,).

    Raises
    ------
    ValueError
        If the regressed shape is not the teacher's, or a feature is malformed.

    Explained in notebooks/04_knowledge_types.
    """
    checks.check_floating("f_s", f_s, checks.FEATURES)
    student, teacher = checks.mapped_pair(check, regressor, "a regressor to the shape of f_t", f_s=f_s, f_t=f_t)
    return (student - teacher).square().flatten(1).mean(1)


@checks.entry
def attention_map(features: Tensor) -> Tensor:
    """Where a layer looks: mean over channels of the squares, flattened and of norm 1.  (B, ch, H, W) -> (B, H W)

    >>> features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # (B, channels, H, W) = (1, 2, 1, 2)
    >>> attention_map(features)
    tensor([[0.4472, 0.8944]])
    """
    features = checks.values_input("features", features, check=False, axes=checks.MAPS)
    return F.normalize(features.square().mean(1).flatten(1), dim=1)


@checks.row_loss
def attention_transfer(f_s: Tensor, f_t: Tensor, *, form: str = "code", check: bool = True) -> Tensor:
    """Difference between the attention maps of two convolutional layers (Zagoruyko and Komodakis 2017, eq. 2).

    >>> left, right = torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[[[0.0, 1.0]]]])
    >>> attention_transfer(left, 5 * left), attention_transfer(left, right)
    (tensor(0.), tensor(1.))

    Parameters
    ----------
    f_s, f_t : Tensor (B, channels, H, W)
        Channels may differ; the larger of two resolutions is averaged down to the smaller.
    form : {"code", "paper"}
        "code" is the mean over positions of the squared difference, as the authors' program has it; "paper" the norm of
        the difference, as the equation has it. They differ by much more than a factor.
    reduction, check : str, bool
        "mean" returns a scalar, "none" a tensor (B,).

    Raises
    ------
    ValueError
        For another form, or features that are not (B, channels, H, W) of one batch.

    Explained in notebooks/04_knowledge_types.
    """
    check_choice("form", form, ("code", "paper"))
    student, teacher = checks.feature_pair(check, axes=checks.MAPS, f_s=f_s, f_t=f_t)
    gap = torch.sub(*(attention_map(f) for f in checks.same_resolution(student, teacher)))  # (B, H W)
    return gap.square().mean(1) if form == "code" else torch.linalg.vector_norm(gap, dim=1)
