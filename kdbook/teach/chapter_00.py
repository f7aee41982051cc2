"""Exercises of chapter 00: sizes, gaps, and two formulas with one letter."""

from kdbook.teach.feedback import Answer

LARGE, SMALL = 2_395_210, 1_276_810  # parameters
SOFT, HARD = 4**2 * 0.9, 0.1  # weights of the book's loss at T = 4

check_size_ratio = Answer(
    "How many times fewer parameters has 784-800-800-10 than 784-1200-1200-10, biases included?",
    right=LARGE / SMALL,
    mistakes={
        "That is the student's share of the teacher's size; the question asks for the inverse.": SMALL / LARGE,
        "That is the ratio of the hidden units. Weights sit between two layers: count them.": 1.5,
        "That is the ratio of the middle layers alone; the first and the last layer count as well.": 2.25,
    },
    done="Less than a factor of two: this famous example is about regularisation more than about compression.",
    rtol=0.003,
)

check_gap_closed = Answer(
    "Which share of the gap between 146 and 67 errors does a student with 74 errors close?",
    right=(146 - 74) / (146 - 67),
    mistakes={
        "Right in per cent; give it as a share between 0 and 1.": 100 * (146 - 74) / (146 - 67),
        "That is the ratio of the two students' errors. What would a perfect copy of the teacher reach?": 74 / 146,
        "That is the share that stays open.": (74 - 67) / (146 - 67),
        "That compares with zero errors; the teacher itself makes 67.": (146 - 74) / 146,
    },
    done="Remember that this share depends on how weak the 146 was: an unregularised student.",
)

check_other_alpha = Answer(
    "Which `a` makes (1 - a) KL + a CE weigh its terms as this book's loss does at alpha = 0.9 and T = 4?",
    right=HARD / (SOFT + HARD),
    mistakes={
        "The size is right, for the other term: which one does that formula's a stand before?": SOFT / (SOFT + HARD),
        "The letters are sorted out. What else differs between the two formulas?": 0.1,
        "With that the labels would get nearly all the weight, and the teacher hardly any.": 0.9,
        "That is for a factor T; the book's is T squared.": 1 / 37,
        "A weight may not be negative: ask for the same *ratio* of the two terms.": 1 - 0.9 * 16,
    },
    done="Two formulas with one letter: before you copy a setting, look which term it stands before, and where T is.",
    rtol=0.005,
)
