"""What a file is that is no checkpoint."""

from __future__ import annotations

from rushlight.io.file import LARGEST_HEADER

_BEGINNINGS = {
    b"\x89HDF": "an HDF5 file.",
    b"\x1f\x8b": "a file compressed by gzip: unpack it first.",
    b"GGUF": "a GGUF file.",
    b"\x89PNG": "a PNG picture.",
    b"\xff\xd8\xff": "a JPEG picture.",
    b"version https://git-lfs": "a Git LFS pointer: the file itself has not been fetched.",
}


def looks_like(data: bytes, size: int) -> str | None:
    """What a file of that size begins like, in words; None if it may be a safetensors file."""
    if not data:
        return "an empty file, or one read to its end already (seek(0) goes to its beginning)."
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= LARGEST_HEADER:
        return None
    if data[:1] == b"\x80" and data[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return "a pickle, but none by torch.save, as pickle.dump writes."
    for beginning, words in _BEGINNINGS.items():
        if data.startswith(beginning):
            return words
    text = _text(data[:64])
    if text is not None:
        return f"text that begins with {text!r}."
    return f"{size:,} bytes of an unknown kind, beginning with {data[:8]!r}."


def _text(start: bytes) -> str | None:
    """The beginning if it is printable text."""
    try:
        text = start.decode()
    except UnicodeDecodeError as problem:
        if problem.start < len(start) - 3:  # not just a letter that was cut in two
            return None
        text = start[: problem.start].decode()
    printable = all(letter.isprintable() or letter in "\t\r\n" for letter in text)
    return text[:40] if printable else None
