"""Datasets of Hugging Face's `datasets`, read as they are.

`columns.py` gathers rows of Arrow columns, `rows.py` makes samples and batches of them, and
`streams.py` reads iterable datasets in lanes.  None of them imports `datasets`: whoever has such a
dataset has done so.
"""
