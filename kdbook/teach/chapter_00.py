"""Exercises of chapter 00: sizes, gaps, and two formulas with one letter."""

from kdbook.teach.feedback import Answer

LARGE, SMALL = 2_395_210, 1_276_810  # parameters
SOFT, HARD = 4**2 * 0.9, 0.1  # weights of the book's loss at T = 4

check_size_ratio = Answer(
    "How many times fewer parameters has 784-800-800-10 than 784-1200-1200-10, biases included?",
    right=LARGE / SMALL,
    mistakes={
        "That is the ratio of the middle layers: which other layers are there?": 2.25,
        "That is in which ratio the hidden units are: between what do weights sit?": 1.5,
    },
    numbers=(LARGE, SMALL),
    done="Less than a factor of two: this famous example is about regularisation more than about compression.",
    rtol=0.003,
)

check_gap_closed = Answer(
    "Which share of the gap between 146 and 67 errors does a student with 74 errors close?",
    right=(146 - 74) / (146 - 67),
    mistakes={
        "That compares with an end of no errors at all: where does the gap end?": (146 - 74) / 146,
    },
    numbers=(67, 146, 74),
    done="Remember that this share depends on how weak the 146 was: an unregularised student.",
    rtol=0.005,
)

check_other_alpha = Answer(
    "Which `a` makes (1 - a) KL + a CE weigh its terms as this book's loss does at alpha = 0.9 and T = 4?",
    right=HARD / (SOFT + HARD),
    mistakes={
        "The size is right, for the other term: which one does that formula's a stand before?": SOFT / (SOFT + HARD),
        "The letters are sorted out. What else differs between the two formulas?": 0.1,
        "With that the labels would get nearly all the weight, and the teacher hardly any: is that so at alpha?": 0.9,
        "That is for a factor T: which power of it has the book?": 1 / 37,
        "Can a weight be negative? What is to be the same, the weights or their ratio?": 1 - SOFT,
        "That is the ratio of the two weights: what is it if they add up to 1?": (HARD / SOFT, SOFT / HARD),
    },
    done="Two formulas with one letter: before you copy a setting, look which term it stands before, and where T is.",
    rtol=0.005,
    digits=1,
)
