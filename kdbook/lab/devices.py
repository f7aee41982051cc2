"""On what a run computes."""

import torch

from kdbook import require


def pick_device(device: str = "auto") -> torch.device:
    """`auto` takes cuda, then mps, then cpu.

    Raises
    ------
    ValueError
        For a device that this machine lacks.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    here = [name for name, present in there.items() if present]
    if device == "auto":
        device = here[0]
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):  # no device at all
        found = None
    require(found is not None and found.type in here, "device", f"one that is here, of {here}", repr(device))
    if found.type == "cuda":
        # TF32; set_float32_matmul_precision would let the CPU's products round as well
        torch.backends.cuda.matmul.allow_tf32 = True
    return found
