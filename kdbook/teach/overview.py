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


def check_other_alpha(answer: float) -> Feedback:
    """Which `a` makes (1 - a) KL + a CE weigh its terms as this book's loss does at alpha = 0.9 and T = 4?

    Explained in notebooks/00_overview.
    """
    soft, hard = 4**2 * 0.9, 0.1
    return number(
        answer,
        hard / (soft + hard),
        {
            soft
            / (soft + hard): "The size is right, for the other term: which one does that formula's a stand before?",
            0.1: "The letters are sorted out. What else differs between the two formulas?",
            0.9: "With that the labels would get nearly all the weight, and the teacher hardly any.",
            1 / 37: "That is for a factor T; the book's is T squared.",
            1 - 0.9 * 16: "A weight may not be negative: ask for the same *ratio* of the two terms.",
        },
        "Two formulas with one letter: before you copy a setting, look which term it stands before, and where T is.",
        rtol=0.005,
    )
