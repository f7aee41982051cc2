"""Figure of tuning: what was tried on validation images."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.tuning import CANDIDATES, TEACHERS
from kdbook.show.figures import figure
from kdbook.show.style import SOFT, TEACHER, YOURS


@figure("tuning_candidates", chapter="01")
def candidates(reference, mine=None) -> Figure:
    """Where the settings of hinton_mnist come from.

    Validation errors of every setting that was tried, for the teacher on the left and for the distilled students on the
    right, one line a setting. The test set plays no part.
    """
    fig, panels = plt.subplots(1, 2, figsize=(11, 3.6))
    students = [arm for arm in CANDIDATES if arm not in TEACHERS]
    for axes, arms, title, colour in zip(
        panels, (TEACHERS, students), ("teacher", "students"), (TEACHER, SOFT), strict=True
    ):
        tried = [(arm, value) for arm in arms for value in CANDIDATES[arm]]
        for table, face, label in ((reference, colour, "reference"), (mine, YOURS, "yours (quick)")):
            if table is None:
                continue
            errors = table.assign(candidate=table.candidate.astype(float)).set_index(["arm", "candidate"])
            values = [errors.validation_errors[arm, float(value)] for arm, value in tried]
            axes.scatter(values, range(len(tried)), color=face, label=label)
        axes.set_yticks(range(len(tried)), [f"{arm.replace('_', ' ')} {value}" for arm, value in tried])
        axes.invert_yaxis()
        axes.set(title=title, xlabel="errors on 10,000 validation images")
        if mine is not None:
            axes.legend()
    return fig
