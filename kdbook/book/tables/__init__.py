"""Questions that are answered from tables: published numbers, and the committed results of other questions.

They go the way of all others, to a table, a figure and the ledger; nothing is trained here.
"""
