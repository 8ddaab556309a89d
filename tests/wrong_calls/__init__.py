"""Wrong calls by area: what each raises, and what its message names.

A row is the type that PyTorch raises, a pattern that the message must match, and the call, as a
function of the library's module: the same row can be tried on PyTorch.
"""
