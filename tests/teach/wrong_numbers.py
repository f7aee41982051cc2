"""Wrong numbers and choices, as people give them, and a piece of the hint that each should get."""

from kdbook.teach import chapter_00 as c0
from kdbook.teach import chapter_07 as c7
from kdbook.teach import chapter_08 as c8
from kdbook.teach import chapter_09 as c9
from kdbook.teach import chapter_10 as c10

TEACHER, STUDENT = 785 * 1200 + 1201 * 1200 + 1201 * 10, 785 * 800 + 801 * 800 + 801 * 10
BERT = [56.3, 84.7, 88.6, 91.8, 89.6, 69.3, 92.7, 89.0, 53.5]  # WNLI last
DISTILBERT = [51.3, 82.2, 87.5, 89.2, 88.5, 59.9, 91.3, 86.9, 56.3]
KEPT = 100 * sum(DISTILBERT[:-1]) / sum(BERT[:-1])

WRONG = [
    (
        c0.check_size_ratio,
        {
            "Upside down": STUDENT / TEACHER,
            "ratio the hidden units": (
                1200 / 800,
                (785 * 1200 + 1201 * 10) / (785 * 800 + 801 * 10),
            ),  # the middle layer forgotten
            "middle layers": 1200**2 / 800**2,
            "2395210 - 1276810": TEACHER - STUDENT,
            "(2395210 - 1276810) / 2395210": (1 - STUDENT / TEACHER, 100 * (1 - STUDENT / TEACHER)),
            "That is 2395210:": TEACHER,
            "That is 1276810:": STUDENT,
            "per cent": 100 * TEACHER / STUDENT,
            "more digits": 2,
            "this is a function": lambda: TEACHER / STUDENT,
        },
    ),
    (
        c0.check_gap_closed,
        {
            "per cent": (91.14, 100 * 72 / 79),
            "74 / 146": 74 / 146,
            "add up to the whole": 7 / 79,
            "no errors at all": (72 / 146, 0.493),
            "That is 146 - 74:": 146 - 74,
            "Upside down": 79 / 72,
            "67 / 74": 67 / 74,
            "(146 - 67) / 146": 79 / 146,
            "sign": -72 / 79,
            "a comma": (0, 91),
        },
    ),
    (
        c0.check_other_alpha,
        {
            "for the other term": 14.4 / 14.5,
            "What else differs": 0.1,
            "nearly all the weight": 0.9,
            "a factor T": 0.1 / 3.7,
            "negative": 1 - 0.9 * 16,
            "per cent": 10 / 14.5,
            "ratio of the two weights": (0.1 / 14.4, 14.4 / 0.1),
            "Upside down": 145,
            "A finite number": float("inf"),
        },
    ),
    (
        c7.check_share_kept,
        {
            "per cent": 1.9 / 2.2,
            "That is 60.8 - 58.9": 60.8 - 58.9,
            "60.8 / 61.1": (100 * 60.8 / 61.1, 99.5),
            "add up to the whole": 100 * 0.3 / 2.2,
            "Upside down": 100 * 2.2 / 1.9,
            "58.9 / 61.1": 100 * 58.9 / 61.1,
            "(60.8 - 58.9) / 58.9": 100 * 1.9 / 58.9,
            "That is 61.1 - 58.9": 2.2,
            "sign": 100 * (58.9 - 60.8) / 2.2,
            "A number is needed": "86 percent",
        },
    ),
    (
        c7.check_words_needed,
        {
            "one* standard error": 0.05 / 0.002**2,
            "Twice as sure": 2 * 0.05 / 0.002**2,
            "does not occur": 4 / 0.05,
            "Which share of all words": (4 * 0.05 / 0.2**2, 4 * 5 / 0.2**2),
            "1.96": 1.96**2 * 0.05 / 0.002**2,
            "nothing to do with each other": (4 * 2 * 0.109 * 0.891 / 0.002**2),
            "grows with the square": 4 * 0.05 / 0.002,
            "the point": "50.000",
            "One word in twenty": 4 * 20 / 0.002**2,
        },
    ),
    (
        c7.check_depthwise_saving,
        {
            "Upside down": (64 * 9 + 64 * 128) / (9 * 64 * 128),
            "73728 / 576": 128,
            "73728 / 8192": 9,
            "as many outputs": 73_728 / (1_152 + 8_192),
            "(73728 - 8768) / 73728": (1 - 8_768 / 73_728, 100 * (1 - 8_768 / 73_728)),
            "That is 73728 - 8768": 73_728 - 8_768,
            "That is 73728:": 73_728,
            "That is 8768:": 8_768,
            "8192 / 8768": 8_192 / 8_768,
            "half": 4.204,
            "more digits": 8,
        },
    ),
    (
        c7.check_share_closed,
        {
            "per cent": 1.2 / 10.7,
            "add up to the whole": 100 * 9.5 / 10.7,
            "73.4 / 82.9": 100 * 73.4 / 82.9,
            "(73.4 - 72.2) / (82.9 - 73.4)": 100 * 1.2 / 9.5,
            "(73.4 - 72.2) / 72.2": 100 * 1.2 / 72.2,
            "That is 73.4 - 72.2": 73.4 - 72.2,
            "Upside down": 100 * 10.7 / 1.2,
            "That is 82.9 - 72.2": 82.9 - 72.2,
            "(73.4 - 72.2) / 82.9": 100 * 1.2 / 82.9,
            "more digits": 11,
        },
    ),
    (
        c8.check_retention,
        {
            "WNLI": (100 * sum(DISTILBERT) / sum(BERT), 96.9, 97),
            "per cent": KEPT / 100,
            "Upside down": 1e4 / KEPT,
            "mean of the tasks": sum(100 * d / b for d, b in zip(DISTILBERT[:-1], BERT[:-1], strict=True)) / 8,
            "add up to the whole": 100 - KEPT,
            "82.75 - 79.6": sum(BERT[:-1]) / 8 - sum(DISTILBERT[:-1]) / 8,
            "That is 82.75:": sum(BERT[:-1]) / 8,
            "That is 79.6:": sum(DISTILBERT[:-1]) / 8,
            "more digits": 96,
        },
    ),
    (
        c9.check_sharpened,
        {
            "That is 0.7:": 0.7,
            "T = 2": 0.7**0.5 / (0.7**0.5 + 0.3**0.5),
            "That is 0.49:": 0.49,
            "T = 0": 1.0,
            "per cent": 84.48,
            "add up to the whole": 0.09 / 0.58,
            "0.49 / 0.09": 0.49 / 0.09,
            "a logit": 0.6900,
            "0.7 / 0.5": 0.7 / 0.5,
            "probability itself": 0.7 * 0.5,
        },
    ),
    (
        c10.check_fair_epochs,
        {
            "That is 15:": 15,
            "rows": 351,
            "fewer": (302, 15 * 141 / 7),
            "That is 2115:": 2115,
            "2100 / 6": 15 * 140 / 6,
            "That is 141:": 141,
            "more digits": 15 * 140 / 7,
            "9003 / 385": 9003 / 385,
            "141 / 7": 141 / 7,
            "more than it needs": 304,
            "A number is needed": "three hundred",
        },
    ),
    (
        c9.check_uses,
        {
            "'commercial' is excluded": (
                ["commercial"],
                "commercial",
                ["research", "commercial"],
                ("commercial", "research"),
            ),
            "'train a competing model' is excluded": (
                ["train a competing model"],
                ["research", "train a competing model"],
            ),
            "do not leave it out": ([], set()),
            "'fun' is no use": ["fun"],
            "'Research' is no use": "Research",
            "'research, commercial' is no use": "research, commercial",
            "not 3": 3,
            "not True": True,
            "not {'research'": {"research": True},
        },
    ),
]
