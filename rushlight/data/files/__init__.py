"""Datasets in files larger than memory: what is asked for is read, and a stated amount is kept.

`mapped.py` maps arrays for `numpy_rows.py` and `tokens.py`; `lines.py` finds rows of text for
`text_rows.py`; `groups.py` reads formats that come in groups of rows for `arrow.py` and
`parquet.py`.  All are pickled as paths and small tables, never with what they have read.
"""
