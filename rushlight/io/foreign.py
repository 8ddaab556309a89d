"""What a file that is not ours looks like."""

from __future__ import annotations

_BEGINNINGS = {
    b"PK\x03\x04": "a zip archive, such as torch.save writes (with a pickle in it)",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"\x93NUMPY": "a NumPy .npy file: numpy.load reads it",
    b"\x1f\x8b": "a gzip file",
    b"GGUF": "a GGUF file",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF document",
    b"version https://git-lfs": "a Git LFS pointer: the real file was not fetched",
}
_TORCH = (
    "\nA pickle can run any program when it is read, so it is never opened here. To convert a "
    "file of torch.save, once, where torch is installed: safetensors.torch.save_file("
    "torch.load(path, weights_only=True), new_path), then rl.load(new_path)."
)


def describe(beginning: bytes, size: int, name: str) -> str:
    """An error for a file with this beginning."""
    looks = _recognise(beginning, size)
    hint = _TORCH if "pickle" in looks else ""
    return (
        f"{name} cannot be loaded: it looks like {looks}.\n"
        f"Expected: a safetensors file, as rl.save writes.{hint}"
    )


def _recognise(beginning: bytes, size: int) -> str:
    if not size:
        return "an empty file"
    for start, kind in _BEGINNINGS.items():
        if beginning.startswith(start):
            return kind
    if beginning[:1] == b"\x80" and beginning[1:2] in b"\x02\x03\x04\x05":
        return "a pickle, such as early versions of torch.save wrote"
    if size < 8:
        return f"the first {size} bytes of something, truncated"
    if beginning.isascii() and all(byte >= 32 or byte in b"\t\n\r\f" for byte in beginning):
        return f"text, beginning with {beginning[:20].decode()!r}"
    return "no kind of file that is known here, or one that is damaged"
