"""Embedded files: verified by checksum, decompressed once into a cache outside the repository."""

import gzip
import hashlib
import lzma
import os
import tempfile
import zlib
from pathlib import Path

import numpy as np
import platformdirs

EMBEDDED = Path(__file__).parent / "files"
REPOSITORY = Path(__file__).parents[2]
REFERENCE = REPOSITORY / "results" / "full"  # committed tables, which are data to whoever compares experiments

# SHA-256 of the *uncompressed* bytes: a copy compressed elsewhere is as good as ours.
PACKED = {".gz": gzip.decompress, ".xz": lzma.decompress, "": bytes}
SUFFIXES = {"wordnet": ".xz", "published": ""}  # of a folder's files; images are .gz
SHA256 = {
    "mnist/train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "mnist/train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "mnist/t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "mnist/t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    "fashion-mnist/train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "fashion-mnist/train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "fashion-mnist/t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "fashion-mnist/t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    "published/distilled_models.csv": "3ccfaccc74c9b5d98148e028ef3e7e485f71db618eb44dd393ef97bba9c8ca0b",
    "wordnet/glosses.tsv": "44519f4d6911f58af6afdc1737c1d9b80c3caa98148419b0c8a1d25a2bd3127a",
}
# Data that is made on the reader's machine: the version of its recipe, raised by hand when what is made changes.
RECIPES = {"spoken-digits": 1, "world": 1}


class DamagedFileError(RuntimeError):
    """An embedded or stored file does not hold the bytes that its checksum promises."""


def home() -> Path:
    """Folder for caches and the trial store: `KDBOOK_HOME`, or the platform's cache folder."""
    return Path(os.environ.get("KDBOOK_HOME") or platformdirs.user_cache_dir("kdbook"))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, a crash or a full disk sees the old file or the new one, never half of it.

    Raises
    ------
    OSError
        When the disk is full or the folder cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def verified_bytes(name: str, folder: Path = EMBEDDED) -> bytes:
    """Decompress the embedded file `name` and check it against its SHA-256.

    Parameters
    ----------
    name : str
        A key of `SHA256`, such as ``mnist/train-images-idx3-ubyte``.
    folder : Path
        Where ``<name>.gz``, ``<name>.xz`` or a plain ``<name>`` stands.

    Raises
    ------
    DamagedFileError
        When the file is missing, truncated or altered.
    """
    suffix = SUFFIXES.get(name.partition("/")[0], ".gz")
    path = folder / f"{name}{suffix}"
    wrong = ""
    try:
        content = PACKED[suffix](path.read_bytes())
        if (found := hashlib.sha256(content).hexdigest()) != SHA256[name]:
            wrong = f"has SHA-256 {found[:12]}…, expected {SHA256[name][:12]}…"
    except FileNotFoundError:
        wrong = "is missing"
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        wrong = f"cannot be decompressed ({error})"
    if wrong:
        raise DamagedFileError(f"{path} {wrong}: restore it with `git checkout -- kdbook/data/files`")
    return content


def idx_array(name: str) -> np.ndarray:
    """Read an IDX file (the format of MNIST) as a uint8 array, through the cache of decompressed bytes.

    A cached copy of the wrong size is made again; the bytes themselves were checked when the copy was written.
    """
    cached = home() / "data" / f"{name}-{SHA256[name][:12]}"
    try:
        return _idx(cached)
    except (OSError, IndexError, ValueError):  # not there, or not whole
        write_atomically(cached, verified_bytes(name))
        return _idx(cached)


def _idx(path: Path) -> np.ndarray:
    content = np.fromfile(path, dtype=np.uint8)
    header = 4 + 4 * int(content[3])
    return content[header:].reshape(content[4:header].view(">i4").tolist())
