"""Checkpoints: `save` and `load`, which never run code; and the files of other libraries.

The format, version 1.  A file is a safetensors file (https://huggingface.co/docs/safetensors), so
other tools can read its tensors: 8 bytes with the length of the header (little-endian), the header
in JSON, and the numbers.  The header names each tensor by its place, such as "model.fc.weight",
and has three texts under "__metadata__":

- "checksum": the CRC-32 of the whole file in 8 hexadecimal digits, computed with these 8 digits
  set to 0.  It always comes first.
- "rushlight": the version of the format, "1".
- "structure": JSON that tells what was saved around the tensors.

In the structure, null, booleans, numbers, texts and lists stand for themselves.  Everything else
is an object whose first key says what it is:

==============================  ===================================================================
`{"dict": {...}}`               a dict whose keys are all texts
`{"dict": [[key, value], ...]}` any other dict; "OrderedDict" and "Counter" likewise, in both forms
`{"tuple": [...]}`              a tuple; "Size", "set" and "frozenset" likewise
`{"float": "nan"}`              a float that JSON lacks: "nan", "inf" or "-inf"
`{"complex": [real, imag]}`     a complex number
`{"tensor": name}`              a tensor, stored by that name; "parameter" and "buffer" likewise
`{"array": name}`               a NumPy array; "scalar", a NumPy number, likewise
`{"bytes": name}`               bytes, stored as uint8
`{"again": n}`                  the n-th tensor or array of the structure, counted from 0, once more
`{"dtype": name}`               a dtype; `{"device": name}` likewise
==============================  ===================================================================

After the name of a tensor may follow "requires_grad" (where it differs from what is usual: false
for tensors, true for parameters), "persistent" (false) and "dtype" (complex numbers, which are
stored as real ones with a last dimension of 2); after an "OrderedDict" the "metadata" that a
module's `state_dict` carries.  Tied tensors give the same name, and are tied again by `load`.
"""

from __future__ import annotations

import importlib
from typing import Any

from rushlight.io.checkpoint import load, save
from rushlight.io.reasons import RefusedFile

__all__ = ["RefusedFile", "load", "safetensors", "save"]


def __getattr__(name: str) -> Any:
    if name == "safetensors":
        return importlib.import_module("rushlight.io.safetensors")
    raise AttributeError(f"module 'rushlight.io' has no attribute {name!r}")
