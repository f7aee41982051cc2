"""How the book is taught: exercises that say what is wrong without giving the answer away.

`exercises` holds one check a question, called by the notebooks; the questions themselves and their stubs stand there.
Nothing is trained or drawn here.
"""

from kdbook.teach.exercises import (
    check_gap_closed,
    check_information,
    check_missing_bias,
    check_size_ratio,
    check_soft_targets,
)

__all__ = ["check_gap_closed", "check_information", "check_missing_bias", "check_size_ratio", "check_soft_targets"]
