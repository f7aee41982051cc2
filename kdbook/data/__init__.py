"""What is learned from: image sets and definitions as verified arrays on the device, and the embedded files.

`images` turns a name into a `Split`, `glosses` WordNet's definitions into one, `own` whatever a user has; `intents`
reads what a bank's customers ask for; `files` verifies and caches bytes.
No model, loss or training code lives here.
"""

from kdbook import on_demand

__getattr__ = on_demand(__name__)
