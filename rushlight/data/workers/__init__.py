"""Who reads batches beside the main thread: threads or processes.

`threads.py` and `processes.py` give the same crew, as `crew.py` describes it.  `child.py` is what
runs in a worker process; `packing.py` and `ring.py` bring its batches here without copies.
"""
