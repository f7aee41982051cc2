"""How the book is taught: exercises that say what is wrong without giving the answer away.

One table of exercises a chapter, `chapter_00` to `chapter_09`, whose checks the notebook calls; `feedback` is what they
are made of. The questions themselves and their stubs stand in the notebooks. Nothing is trained or drawn here.
"""
