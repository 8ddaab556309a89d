"""Attention and its gradient as hand-made kernels, which never hold all the weights in memory.

Read in this order: `slots.py` (the argument block, the operands), `blocks.py` (products of small
blocks, copies of rows), `softmax.py` (scores to weights), `forward.py`, `single.py`,
`gradient.py`, `families.py` (how work is divided), `step.py` (from a graph to a step).

A *panel* is a group of queries, as many as the columns of a contraction's tile (`tile.py`), whose
scores lie as rows of keys: lanes are queries, so nothing is summed across a vector.  Keys are
taken a block at a time, with running maxima and sums as in Milakov and Gimelshein (2018), "Online
normalizer calculation for softmax", and Dao et al. (2022), "FlashAttention".  Sizes and strides
are arguments; code depends on dtypes, the kind of mask, and which results are wanted.
"""
