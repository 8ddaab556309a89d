"""The lines below the table: ranges, and where Python's time went."""

from __future__ import annotations

from typing import Any

_KINDS = {
    "compute": "computing in all",
    "plan": "planning",
    "bind": "binding to sizes",
    "compile": "compiling or loading kernels",
    "launch": "kernels, their launch included",
    "host": "host steps (NumPy)",
    "interpret": "small graphs (NumPy)",
}


def range_lines(profile: Any) -> list[str]:
    """Of each range of `record_function`: its time in Python, and that of its kernels."""
    python: dict[str, list[int]] = {}
    for span in profile.spans():
        if span.kind == "range":
            name = span.name.split("#")[0]
            python.setdefault(name, []).append(span.end - span.begin)
    kernels: dict[str, int] = {}
    for event in profile.kernels():
        for name in filter(None, event.range.split("/")):
            kernels[name] = kernels.get(name, 0) + event.time
    lines = []
    for name, times in python.items():
        words = f"range {name!r}: {len(times)} times, {sum(times) / 1e6:.2f} ms"
        if name in kernels:
            words += f"; kernels recorded in it: {kernels[name] / 1e6:.2f} ms"
        lines.append(words)
    return [*lines, ""] if lines else []


def python_lines(profile: Any, kernel_time: int) -> list[str]:
    """What the time of the whole profile was spent on."""
    spans, times = profile.spans(), dict.fromkeys(_KINDS, 0)
    for span in spans:
        if span.kind in times:
            times[span.kind] += span.end - span.begin
    whole, computing = profile.ended - profile.began, times.pop("compute")
    known, own = sum(times.values()), profile.watcher.own_time
    rows = [
        ("all", whole, ""),
        ("recording, autograd and the rest of the program", whole - computing - own, "  "),
        ("finding names for this profile", own, "  "),
        (_KINDS["compute"], computing, "  "),
        ("keys, lookup, patching addresses, results", computing - known, "    "),
    ]
    rows += [(_KINDS[kind], time, "    ") for kind, time in times.items() if time]
    rows.append(("in kernels alone", kernel_time, "      "))
    return [f"{indent}{words}: {time / 1e6:.2f} ms" for words, time, indent in rows]
