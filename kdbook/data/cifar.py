"""CIFAR-10 and CIFAR-100 through torchvision: a local copy, or a download when it is asked for. Not in this package."""

from pathlib import Path

import numpy as np

from kdbook import require
from kdbook.data.files import home

# MD5 of the archives, as torchvision checks them (a name for a version here, not a protection)
CIFAR_MD5 = {"cifar10": "c58f30108f718f92721af3b95e74349a", "cifar100": "eb9058c3a382ffc7106e4002c42a8d85"}


class MissingCifarError(FileNotFoundError):
    """There is no copy of the images, or it is damaged; says how to get one."""


def cifar_arrays(
    name: str, *, train: bool, folder: Path | str | None = None, download: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a CIFAR.

    Parameters
    ----------
    name : str
        ``cifar10`` or ``cifar100``.
    train : bool
        The 50,000 training images, or the 10,000 test images.
    folder : Path, optional
        Where ``cifar-10-batches-py`` or ``cifar-100-python`` stands; default: ``data/cifar`` in `KDBOOK_HOME`.
    download : bool
        Fetch the archive (170 MB) from its authors when it is not there.

    Returns
    -------
    x : array (N, 3, 32, 32), uint8
    y : array (N,), int64

    Raises
    ------
    ValueError
        For another name.
    MissingCifarError
        When there is no whole copy, and none could be fetched.
    """
    require(name in CIFAR_MD5, "name", f"one of {', '.join(CIFAR_MD5)}", repr(name))
    from torchvision import datasets  # takes a second to import, and few chapters need it

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    folder = Path(folder) if folder else home() / "data" / "cifar"
    try:
        found = kind(folder, train=train, download=download)
    except (RuntimeError, OSError, EOFError) as error:
        wanted = f"python -c \"from kdbook.data import cifar; cifar.cifar_arrays('{name}', train=True, download=True)\""
        told = f"{name} is not complete in {folder} ({error}): with a network, fetch it by `{wanted}`"
        raise MissingCifarError(f"{told}; without one, put the folder {kind.base_folder} there") from error
    return np.ascontiguousarray(found.data.transpose(0, 3, 1, 2)), np.asarray(found.targets, dtype=np.int64)
