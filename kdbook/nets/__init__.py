"""Who learns: networks for images, texts and sentences, each returning `Outputs(logits, features)`.

`network(settings)` builds one by its registered name. No loss, no training and no data live here.
"""

from collections.abc import Mapping

from torch import nn

from kdbook import needed, require

# name -> file, class, and the settings that are its arguments; imported when asked for (torchvision takes a second)
REGISTRY = {
    "mlp": ("vision", "MLP", "sizes input_dropout hidden_dropout max_norm"),
    "bag_of_words": ("vision", "BagOfWords", "sizes input_dropout"),
    "lenet5": ("vision", "LeNet5", ""),
    "conv": ("vision", "ConvNet", "widths depth"),
    "resnet": ("vision", "ResNet", "widths blocks channels classes stride"),
    "mobilenet": ("mobile", "MobileNet", "rows last channels classes"),
    "efficientnet": ("mobile", "EfficientNet", "rows last channels classes"),
}


def network(settings: Mapping) -> nn.Module:
    """A fresh network.

    >>> network({"net": "mlp", "sizes": [784, 30, 10], "learning_rate": 0.1}).sizes
    (784, 30, 10)

    Parameters
    ----------
    settings : mapping
        `net`, a name of `REGISTRY` (default: mlp), and that network's arguments; other settings are left alone.

    Raises
    ------
    ValueError
        For a name that nothing is registered under, listing those there are.
    """
    name = settings.get("net", "mlp")
    require(name in REGISTRY, "net", f"one of {', '.join(REGISTRY)}", repr(name))
    file, made, arguments = REGISTRY[name]
    made = getattr(needed(f"kdbook.nets.{file}"), made)
    return made(**{key: settings[key] for key in arguments.split() if key in settings})
