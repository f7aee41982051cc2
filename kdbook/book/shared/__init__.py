"""Steps that several questions share, and no other part of the package: scoring, texts, the small world.

A step that trains, scores or asks any net belongs into `kdbook.lab.steps`, a mark of a figure into
`kdbook.show.grammar`.
"""
