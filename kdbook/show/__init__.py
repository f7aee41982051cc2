"""How results are seen: figures by name, one look for all, and sliders that live in the notebook and on static pages.

`plots/<experiment>.py` has one function a figure; `figures` saves and shows them; `sliders` links pictures to a slider.
Nothing is trained or computed here beyond what a picture needs.
"""

from kdbook.show.figures import show_figure, show_picture
from kdbook.show.sliders import picture_slider

__all__ = ["picture_slider", "show_figure", "show_picture"]
