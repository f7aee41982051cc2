"""Who learns: networks for images, texts and sentences, each returning `Outputs(logits, features)`.

`network(settings)` builds one by its registered name. No loss, no training and no data live here.
"""
