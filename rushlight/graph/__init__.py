"""The graph: primitives, nodes, the recorder and its sync points, programs and their keys.

Everything above (tensors, operations) records here; everything below (the engines) computes what
was recorded.  Nothing here knows either.
"""
