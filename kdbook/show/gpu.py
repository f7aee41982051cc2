"""The cell of a chapter that a GPU of the reader's own would train."""

import torch

from kdbook.data.files import REFERENCE
from kdbook.lab import arms, load, run
from kdbook.show.figures import figure_of, show_picture


def gpu_cell(question: str, *figures: str, card: str, minutes: float, memory: float, device: str = "auto") -> None:
    """Train a question's profile gpu where there is an NVIDIA GPU, else say what that would be; show what came out.

    Data that are not here stop no chapter: the cell says how to get them.

    Parameters
    ----------
    question : str
        One that has the profile.
    *figures : str
        Those to draw from the results: of this run, else the committed ones, else none.
    card, minutes, memory : str, float, float
        What it takes, teachers included, on which card, in GiB; estimates.
    device : str
        The chapter's: with ``cpu`` or ``mps`` nothing is trained.

    Raises
    ------
    ValueError
        For a question without the profile, or an unknown figure.
    """
    students, teachers = arms.seeds_of_profile(question, "gpu")
    listed = [arm for arm in arms.question(question).arms("gpu").values() if arm.listed]
    trials = sum(teachers if arm.teaches else min(students, arm.seeds or students) for arm in listed)
    drawn = [figure_of(name) for name in figures]
    found = None
    if torch.cuda.is_available() and device.startswith(("auto", "cuda")):
        try:
            found = run(question, "gpu", device=device)
        except FileNotFoundError as missing:  # data that the reader's network would bring
            print(missing)
    else:
        print(
            f"No NVIDIA GPU in use. On one, this cell runs {trials:,} trials ({students} seeds) of {question}, in "
            f"about {minutes:g} minutes and {memory:g} GiB on {card} (estimated). Run it there, or "
            f"`python -m kdbook run {question} --profile gpu`."
        )
        if (REFERENCE.parent / "gpu" / f"{question}.csv").exists():
            found = load(question, profile="gpu")
    if found is not None:
        print(f"{found.info['trials']:,} trials on {found.info['device']}, {found.info['seconds'] / 60:.1f} min")
        for figure in drawn:
            show_picture(figure.draw(found), alt=figure.alt)
