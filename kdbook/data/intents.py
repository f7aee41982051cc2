"""What people ask a service for: short texts with their intents, of which a bank has 77 and an assistant 150.

Intents are what small language models are distilled for in practice: texts come for free with every customer, labels
do not. The classes of Banking77 are easily confused (`pending_top_up`, `top_up_failed`), those of CLINC150 lie in ten
domains.
"""

import csv
import io
import json
from typing import NamedTuple

import torch
from torch import Tensor

from kdbook import require
from kdbook.data.files import verified_bytes

# Casanueva et al. 2020, Efficient Intent Detection with Dual Sentence Encoders; Larson et al. 2019, An Evaluation
# Dataset for Intent Classification and Out-of-Scope Prediction
INTENT_SETS = {"banking77": ("train", "test"), "clinc150": ("train", "validation", "test")}


class Intents(NamedTuple):
    """Texts and what is meant by them.

    texts : list of str, in the order of the published file, intent after intent
    labels : Tensor (N,), int64
    names : tuple of str, what each label says
    domains : tuple of str, the domain of each label; empty for Banking77, which is about banking alone
    """

    texts: list[str]
    labels: Tensor
    names: tuple[str, ...]
    domains: tuple[str, ...] = ()


def load_intents(name: str = "banking77", part: str = "train") -> Intents:
    """One part of a set of intents.

    Parameters
    ----------
    name : str
        ``banking77`` (10,003 texts to train, 3,080 to test) or ``clinc150`` (15,000, 3,000 to validate, 4,500; texts
        out of scope are left out; two texts to test are among those to train).
    part : str
        ``train`` or ``test``; of CLINC150 also ``validation``.

    Raises
    ------
    ValueError
        For an unknown name or part.
    DamagedFileError
        When an embedded file fails its checksum.
    """
    require(name in INTENT_SETS, "name", f"one of {', '.join(INTENT_SETS)}", repr(name))
    require(part in INTENT_SETS[name], "part", f"one of {', '.join(INTENT_SETS[name])}", repr(part))
    if name == "banking77":
        _, *rows = csv.reader(io.StringIO(verified_bytes(f"banking77/{part}.csv").decode()))
        domain = {}
    else:
        rows = json.loads(verified_bytes("clinc150/data_full.json"))[part.replace("validation", "val")]
        domains = json.loads(verified_bytes("clinc150/domains.json"))
        domain = {intent: of for of, intents in domains.items() for intent in intents}
    names = sorted({intent for _, intent in rows})
    number = {intent: at for at, intent in enumerate(names)}
    labels = torch.tensor([number[intent] for _, intent in rows])
    return Intents([text for text, _ in rows], labels, tuple(names), tuple(domain[n] for n in names if domain))
