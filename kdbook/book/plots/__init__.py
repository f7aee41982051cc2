"""One module an experiment, one registered function a figure: `plot(reference, mine=None) -> Figure`.

Each shows what was published, the reference (full results), and yours (a quick run) where they exist.
"""
