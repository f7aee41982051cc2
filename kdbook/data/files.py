"""Embedded files: verified by checksum, decompressed once into a cache outside the repository."""

import hashlib
import io
import lzma
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import platformdirs

from kdbook import require

SOURCE = Path(__file__).parents[2]
REPOSITORY = SOURCE if (SOURCE / "pyproject.toml").exists() else Path.cwd()  # a wheel has neither data nor results
EMBEDDED = REPOSITORY / "kdbook" / "data" / "files"
REFERENCE = REPOSITORY / "results" / "full"  # committed tables, which are data to whoever compares experiments
LONGEST = 80  # bytes of TMPDIR: a socket's path may have 107 (sun_path of Linux), and ours add up to 27

# By suffix. SHA-256 is that of the *uncompressed* bytes: a copy compressed elsewhere is as good as ours.
PACKED = {".xz": lzma.decompress, "": bytes}
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
    "banking77/train.csv": "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b",
    "banking77/test.csv": "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d",
    "clinc150/data_full.json": "36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0",
    "clinc150/domains.json": "b947b579d3b8e74b06f93b01083d8efaff2888b43a3e362533bd88a6e1211b3a",
    "fsdd/recordings.flac": "80dd62f822e2b8688a5ec7748137ae1697f40b157229e8319f33eb7479278bc2",
    "fsdd/recordings.csv": "95e12a938840e83638225015f98f1913a6aaf0fd98ae0805b469a0511859928e",
}
# Data that is made on the reader's machine: the version of its recipe, raised by hand when what is made changes.
RECIPES = {"spoken-digits": 1, "world": 1}


class DamagedFileError(RuntimeError):
    """An embedded or stored file does not hold the bytes that its checksum promises."""


def home() -> Path:
    """Folder for caches and the trial store: `KDBOOK_HOME`, or the platform's cache folder."""
    return folder_of("KDBOOK_HOME", Path(platformdirs.user_cache_dir("kdbook")))


def folder_of(variable: str, default: Path) -> Path:
    """The folder that an environment variable names; ``~`` is the user's home.

    Raises
    ------
    ValueError
        For a relative one, which would move with the working directory: a kernel has another than its shell.
    """
    told = os.environ.get(variable)
    folder = Path(told).expanduser() if told else default
    require(folder.is_absolute(), variable, "an absolute path", f'{told!r}: set it to "$PWD/{told}"')
    return folder


def check_writable(folder: Path) -> None:
    """Refuse a folder in which nothing can be written; nothing is made yet.

    Raises
    ------
    PermissionError
        Naming the folder, what is in the way, and the variables that move it.
    """
    there = next(path for path in [folder.absolute(), *folder.absolute().parents] if os.path.lexists(path))
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        what = "may not be written by this user" if there.is_dir() else "is no folder"
        raise PermissionError(
            f"cannot write into {folder}, since {there} {what}: set KDBOOK_HOME (trials and caches, now {home()}) "
            "or KDBOOK_OUT (results and figures) to a folder of yours"
        )


def make_folder(folder: Path) -> None:
    """Make a folder that is not there, as `check_writable` allows it."""
    check_writable(folder)
    folder.mkdir(parents=True, exist_ok=True)


def way_back(usual: str) -> str:
    """What to do about a file that is missing: as usual in the repository, and for a wheel, to get that."""
    from_wheel = "it is no part of a wheel: work in a clone of the repository, or `pip install -e '.[book]'` there"
    return usual if (REPOSITORY / "pyproject.toml").exists() else from_wheel


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, a crash or a full disk sees the old file or the new one, never half of it.

    Its permissions are those that the user's umask gives to any new file.

    Raises
    ------
    OSError
        When the disk is full or the folder cannot be written; nothing is left behind.
    """
    make_folder(path.parent)
    aside = path.with_name(f".{uuid.uuid4().hex}")
    try:
        aside.write_bytes(content)
        sync(aside)
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until the disk has a file's bytes, or a folder's names, so that a power cut does not cost them.

    Windows opens no folder, and flushes no file that is open for reading: there it is left to the system.
    """
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of files by their names: what is written beside them, so that damage is seen."""
    return {name: sha256(content) for name, content in files.items()}


def damaged(files: Mapping[str, bytes], promised: Mapping[str, str]) -> list[str]:
    """Names of the files that are not what `digests` said of them, or that only one of both knows."""
    return sorted({name for name, _ in digests(files).items() ^ promised.items()})


def cached(name: str, make: Callable[[], bytes], digest: str = "") -> bytes:
    """A file below ``data`` in `home()`, made when it is not there; a damaged or swapped one is named and made again.

    Parameters
    ----------
    name : str
        Its path there.
    make : callable
        Gives its content.
    digest : str, optional
        SHA-256 that the content must have. Without one the file begins with the SHA-256 of its name and content.
    """
    path = home() / "data" / name
    seal = 0 if digest else 64  # hexadecimal digits
    try:
        whole = path.read_bytes()
        content = whole[seal:]
        if sha256(content if digest else name.encode() + content) == (digest or whole[:seal].decode("latin1")):
            return content
        print(f"cached file {path} is damaged or another's: it is made again", file=sys.stderr)
    except FileNotFoundError:
        pass
    content = make()
    write_atomically(path, content if digest else sha256(name.encode() + content).encode() + content)
    return content


def no_sockets() -> str:
    """Why kernels could not be talked to, and what to do; empty where all is well."""
    length = len(os.fsencode(tempfile.gettempdir()))
    return f"TMPDIR has {length} bytes, too long for sockets: set TMPDIR=/tmp" if length > LONGEST else ""


def verified_bytes(name: str, folder: Path = EMBEDDED) -> bytes:
    """Decompress the embedded file `name` and check it against its SHA-256.

    Parameters
    ----------
    name : str
        A key of `SHA256`, such as ``mnist/train-images-idx3-ubyte``.
    folder : Path
        Where ``<name>.xz`` or a plain ``<name>`` stands.

    Raises
    ------
    DamagedFileError
        When the file is missing, truncated or altered.
    """
    suffix = next((suffix for suffix in PACKED if (folder / f"{name}{suffix}").exists()), ".xz")
    path = folder / f"{name}{suffix}"
    try:
        content = PACKED[suffix](path.read_bytes())
        if (found := sha256(content)) == SHA256[name]:
            return content
        wrong = f"has SHA-256 {found[:12]}…, expected {SHA256[name][:12]}…"
    except (OSError, EOFError, lzma.LZMAError) as error:  # not there, or not what was compressed
        wrong = f"cannot be decompressed ({error})"
    raise DamagedFileError(f"{path} {wrong}: {way_back('restore it with `git checkout -- kdbook/data/files`')}")


def idx_array(name: str) -> np.ndarray:
    """Read an IDX file (the format of MNIST) as a uint8 array, through the cache of decompressed bytes."""
    content = cached(f"{name}-{SHA256[name][:12]}", lambda: verified_bytes(name), SHA256[name])
    content = np.frombuffer(bytearray(content), dtype=np.uint8)  # a copy that may be written, as torch wants it
    header = 4 + 4 * int(content[3])
    return content[header:].reshape(content[4:header].view(">i4").tolist())


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Content of an ``.npz`` file of these arrays.

    Raises
    ------
    ValueError
        For an array of objects, which could only be read by running code that is in the file.
    """
    for name, array in arrays.items():
        got = f"objects such as {array!r:.60}"
        require(not np.asarray(array).dtype.hasobject, f"picture {name!r}", "an array of numbers", got)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def unpacked(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file."""
    with np.load(io.BytesIO(content)) as archive:
        return dict(archive)
