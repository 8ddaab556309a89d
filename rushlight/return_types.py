"""The tuples with named fields that `max(dim)`, `sort`, `topk` and their kin return.

>>> import rushlight as rl
>>> isinstance(rl.tensor([1, 2]).max(0), rl.return_types.max)
True
"""

from __future__ import annotations
