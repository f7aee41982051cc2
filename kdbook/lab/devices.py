"""On what a run computes."""

import torch


def pick_device(device: str = "auto") -> torch.device:
    """`auto` takes cuda, then mps, then cpu.

    Raises
    ------
    ValueError
        For a device that this machine lacks.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        device = next(name for name, present in there.items() if present)
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):  # no device at all
        found = None
    if found is None or not there.get(found.type):
        raise ValueError(f"device {device!r} is not available here; there are {[n for n, p in there.items() if p]}")
    if found.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32
    return found
