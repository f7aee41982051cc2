"""What is learned from: image sets as verified arrays on the device, and the embedded files with their checksums.

`images` turns a name into a `Split`; `files` verifies and caches bytes.
No model, loss or training code lives here.
"""

from kdbook.data.images import CENTRE_VIEW, IMAGE_SETS, VIEWS, Split, checksum, load_images
