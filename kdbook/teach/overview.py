"""Checks for the exercises of chapter 00."""

from kdbook.teach.feedback import Feedback, number


def check_size_ratio(answer: float) -> Feedback:
    """How many times fewer parameters has 784-800-800-10 than 784-1200-1200-10, biases included?

    Explained in notebooks/00_overview.
    """
    large, small = 2_395_210, 1_276_810
    return number(
        answer,
        large / small,
        {
            small / large: "That is the student's share of the teacher's size; the question asks for the inverse.",
            1.5: "That is the ratio of the hidden units. Weights sit between two layers: count them.",
            2.25: "That is the ratio of the middle layers alone; the first and the last layer count as well.",
        },
        "Less than a factor of two: this famous example is about regularisation more than about compression.",
        rtol=0.003,
    )


def check_gap_closed(answer: float) -> Feedback:
    """Which share of the gap between 146 and 67 errors does a student with 74 errors close?

    Explained in notebooks/00_overview.
    """
    return number(
        answer,
        (146 - 74) / (146 - 67),
        {
            100 * (146 - 74) / (146 - 67): "Right in per cent; give it as a share between 0 and 1.",
            74 / 146: "That is the ratio of the two students' errors. What would a perfect copy of the teacher reach?",
            (74 - 67) / (146 - 67): "That is the share that stays open.",
            (146 - 74) / 146: "That compares with zero errors; the teacher itself makes 67.",
        },
        "Remember that this share depends on how weak the 146 was: an unregularised student.",
    )
