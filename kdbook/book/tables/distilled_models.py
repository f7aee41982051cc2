"""How large are published distilled models beside their teachers, and how good? Nothing is trained: published numbers.

The summary's chart of sizes and scores has a title and no data. This table has a row for each published student and
benchmark, with its source and with how that was read; what is compared here is computed from it.
"""

import io

import numpy as np
import pandas as pd

from kdbook.data.files import verified_bytes
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of

VERSION = 1
FILE = "published/distilled_models.csv"
COLUMNS = {
    "arm": "always `published`",
    "seed": "always 0",
    "model": "the student",
    "year": "of publication",
    "teacher": "who taught it",
    "teacher_params_b": "parameters of the teacher in 10^9; empty where they are not public",
    "student_params_b": "parameters of the student in 10^9",
    "benchmark": "what was measured",
    "teacher_score": "the teacher's score as published",
    "student_score": "the student's",
    "student_baseline_score": "a student of the same size without this teacher; `method` says which",
    "method": "how it was distilled, in words",
    "family": "what the student learned from",
    "source": "where the numbers stand",
    "checked": "how they were read",
    "link": "address of the source, where one was kept",
    "read": "whether the source itself was read: its full text, or its authors' own page",
    "lower_is_better": "perplexities and error rates",
    "size_ratio": "the teacher's parameters / the student's",
    "score_ratio": "the student's score in % of the teacher's; the other way round where lower is better",
    "gain": "score above the baseline, in the benchmark's own unit, positive where better",
    "gap_closed": "share of the way from the baseline to the teacher, %",
}
READ = ("full text read", "authors' repository or page read")
# What the student learned from -> how the names of its models begin.
FAMILIES = {
    "soft targets and layers": (
        "DistilBERT", "DistilRoBERTa", "DistilGPT2", "DistilmBERT", "TinyBERT", "BERT4-PKD", "BERT6-PKD", "MobileBERT",
        "MiniLM", "Multilingual MiniLM", "Distil-Whisper",
    ),
    "soft targets": ("Hinton", "PD6", "Gemma 2"),
    "pruning and soft targets": ("Minitron", "Llama 3.2"),
    "the teacher's texts": (
        "Kim & Rush", "Distilling step-by-step", "Alpaca", "Vicuna", "Orca", "phi-1", "DeepSeek-R1-Distill",
    ),
    "the student's own texts": ("GKD", "MiniLLM", "Qwen3"),
}  # fmt: skip


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """One: the table itself."""
    check_profile(profile)
    seeds_of(seeds, 1)  # refuses a negative number; nothing is trained
    return [Trial("distilled_models", "published", 0, {}, data="published", version=VERSION)]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """The published rows with what is computed from them; None for what was not published."""
    rows = published().astype(object)
    return [{"rows": rows.where(rows.notna(), None).to_dict("records")}]


def family(model: str) -> str:
    """What a model learned from.

    Raises
    ------
    ValueError
        For a model that belongs to none, or to several.
    """
    found = [name for name, models in FAMILIES.items() if model.startswith(models)]
    if len(found) != 1:
        raise ValueError(f"model {model!r} must belong to one family, found {found}: name it in FAMILIES")
    return found[0]


def published() -> pd.DataFrame:
    """The table as it is shipped, with ratios and gains."""
    table = pd.read_csv(io.BytesIO(verified_bytes(FILE)))
    lower = table.benchmark.str.contains("lower is better")
    sign = np.where(lower, -1, 1)
    ratio = table.student_score / table.teacher_score
    gain = sign * (table.student_score - table.student_baseline_score)
    return table.assign(
        family=table.model.map(family),
        read=table.checked.isin(READ),
        lower_is_better=lower,
        size_ratio=table.teacher_params_b / table.student_params_b,
        score_ratio=100 * ratio.where(~lower, 1 / ratio),
        gain=gain,
        gap_closed=100 * gain / (sign * (table.teacher_score - table.student_baseline_score)),
    )
