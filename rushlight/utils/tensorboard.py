"""`SummaryWriter`: curves, histograms, pictures and texts for TensorBoard to show."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from rushlight.tensor import Tensor
from rushlight.utils import events

__all__ = ["SummaryWriter"]


class SummaryWriter:
    """Writes an event file that TensorBoard reads, in a folder of its own below `runs`.

    `add_scalar`, `add_scalars`, `add_histogram`, `add_image`, `add_images`, `add_text` and
    `add_hparams` (as text) take tensors, arrays and numbers; each is a sync point.  `add_graph`
    is accepted and writes nothing.  What was added is on disk after `flush_secs` at most, if more
    is added, and after `flush` and `close`; `max_queue` is accepted.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
    ...     writer.add_scalar("loss", 0.5, global_step=1)
    ...     len(os.listdir(folder))
    1
    """

    def __init__(
        self,
        log_dir: str | os.PathLike | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ):
        if not log_dir:
            now = time.strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.log_dir = os.fspath(log_dir)
        self._suffix = filename_suffix
        self._flush_secs, self._flushed = flush_secs, time.time()
        self._open: dict[str, Any] = {}
        self._file("")

    # -------------------------------------------------------------------------------- what is shown
    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """A number at a step."""
        value = events.scalar(tag, float(_array(scalar_value).item()))
        self._write(value, global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Several numbers in one picture: each in a folder of its own, under one tag."""
        for name, number in tag_scalar_dict.items():
            value = events.scalar(main_tag, float(_array(number).item()))
            folder = f"{main_tag.replace('/', '_')}_{name}"
            self._write(value, global_step, walltime, folder)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """How the numbers of a tensor are distributed; ValueError if there are none."""
        numbers = _array(values).astype(np.float64).reshape(-1)
        if not numbers.size:
            raise ValueError("The input has no element.")
        bins = 64 if isinstance(bins, str) and bins == "tensorflow" else bins
        counts, edges = np.histogram(numbers, bins)
        sums = (numbers.min(), numbers.max(), numbers.size, numbers.sum(), (numbers**2).sum())
        counted = [float(count) for count in counts]
        value = events.histogram(tag, edges[1:].tolist(), counted, tuple(map(float, sums)))
        self._write(value, global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """A picture: floats from 0 to 1 or uint8, with the axes that `dataformats` names."""
        from rushlight.vision import png

        pixels = _array(img_tensor)
        if pixels.ndim != len(dataformats):
            raise ValueError(
                f"Expected an image with the axes {dataformats}.\nActual: shape {pixels.shape}."
            )
        pixels = pixels.transpose(
            [dataformats.index(axis) for axis in "HWC" if axis in dataformats]
        )
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        if pixels.dtype != np.uint8:
            pixels = np.clip(pixels * 255, 0, 255).astype(np.uint8)
        found = png.encode(np.ascontiguousarray(pixels))
        height, width, channels = pixels.shape
        value = events.image(tag, height, width, channels, found)
        self._write(value, global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Several pictures side by side."""
        from rushlight.vision.utils import make_grid

        images = _array(img_tensor)
        images = images.transpose([dataformats.index(axis) for axis in "NCHW"])
        self.add_image(tag, make_grid(images, padding=0), global_step, walltime)

    def add_text(
        self,
        tag: str,
        text_string: str,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """A text."""
        self._write(events.text(f"{tag}/text_summary", text_string), global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, Any],
        *_: Any,
        global_step: int | None = None,
        **options: Any,
    ) -> None:
        """Settings of a run, as a text, and what came of them."""
        words = "".join(f"| {name} | {value} |\n" for name, value in hparam_dict.items())
        self.add_text("hparams", f"| name | value |\n|---|---|\n{words}", global_step)
        for name, number in metric_dict.items():
            self.add_scalar(name, number, global_step)

    def add_graph(self, model: Any, *args: Any, **options: Any) -> None:
        """Accepted; nothing is written: RUSHLIGHT_DUMP shows graphs."""

    # --------------------------------------------------------------------------------------- files
    def flush(self) -> None:
        """Write to disk what was added so far."""
        self._flushed = time.time()
        for file in self._open.values():
            file.flush()

    def close(self) -> None:
        """Write everything to disk and close the files; the next addition opens new ones."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    def get_logdir(self) -> str:
        """The folder of the event file."""
        return self.log_dir

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _write(self, value: bytes, step: int | None, now: float | None, folder: str = "") -> None:
        when = time.time() if now is None else now
        number = None if step is None else int(step)
        events.write_record(self._file(folder), events.event(when, number, value))
        if time.time() - self._flushed >= self._flush_secs:
            self.flush()

    def _file(self, folder: str) -> Any:
        if folder not in self._open:
            place = os.path.join(self.log_dir, folder) if folder else self.log_dir
            os.makedirs(place, exist_ok=True)
            now, count = time.time(), len(self._open)
            name = f"events.out.tfevents.{int(now)}.{socket.gethostname()}.{os.getpid()}.{count}"
            path = os.path.join(place, name + self._suffix)
            while os.path.exists(path):
                path += "+"
            self._open[folder] = open(path, "xb")  # noqa: SIM115 - closed by close()
            events.write_record(self._open[folder], events.first_event(now))
        return self._open[folder]


def _array(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        return value.detach()._values()
    return np.asarray(value)
