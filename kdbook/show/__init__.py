"""How results are seen: figures by name, one look for all, sliders that live on static pages too, and the ledger.

`plots/<experiment>.py` has one function a figure; `figures` saves and shows them; `sliders` links pictures to a slider;
`explorer` softens what a reader chooses or types. Nothing is trained or computed here beyond what a picture needs.
"""

from kdbook.show.explorer import answer, show_live, temperature_explorer, temperature_slider
from kdbook.show.figures import show_figure, show_picture
from kdbook.show.ledger import show_ledger
from kdbook.show.sliders import page_picker, picture_slider
