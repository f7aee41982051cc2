"""Small copies of CIFAR in its authors' own layout."""

import hashlib
import pickle

import numpy as np
from torchvision import datasets

KINDS = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}


def files_of(name, each):
    """Name to bytes of the files of a CIFAR, as its authors pickle them, with `each` images of noise in each."""
    kind, labels, classes = KINDS[name], *(("labels", 10) if name == "cifar10" else ("fine_labels", 100))
    generator = np.random.default_rng(0)
    made = {}
    for file, _ in (*kind.train_list, *kind.test_list):
        data = generator.integers(256, size=(each, 3 * 32 * 32), dtype=np.uint8)
        told = generator.integers(classes, size=each).tolist()
        made[file] = pickle.dumps({"data": data, labels: told})
    label_names = {kind.meta["key"]: [f"class {i}" for i in range(classes)]}
    return made | {kind.meta["filename"]: pickle.dumps(label_names)}


def expect(monkeypatch, kind, files):
    """Let torchvision's class expect the checksums of these files."""
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    for attribute in ("train_list", "test_list"):
        monkeypatch.setattr(kind, attribute, [[name, md5[name]] for name, _ in getattr(kind, attribute)])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5[kind.meta["filename"]]})


def put(folder, kind, files):
    target = folder / kind.base_folder
    target.mkdir(parents=True)
    for name, content in files.items():
        (target / name).write_bytes(content)
