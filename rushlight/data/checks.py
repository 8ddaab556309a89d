"""What a DataLoader does not take: options of a wrong type, or that contradict each other."""

from __future__ import annotations

from typing import Any


def check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    """Refuse numbers of workers, seconds and batches ahead that cannot be."""
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; "
            "use num_workers=0 to load in the main process."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified with workers: "
            "set num_workers > 0, or prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def check_patience(patience: float | None) -> None:
    """Refuse what is no number of seconds."""
    if patience is not None and not patience >= 0:
        raise ValueError(f"patience option should be non-negative or None, but got {patience!r}")


def check_worker_type(worker_type: str) -> None:
    """Refuse a kind of worker that there is not."""
    if worker_type not in ("thread", "process"):
        raise ValueError(f'worker_type should be "thread" or "process", but got {worker_type!r}')


def check_callable(name: str, value: Any) -> None:
    """Refuse what cannot be called."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} should be callable, but got {type(value).__name__}")


def check_stream(shuffle: bool | None, sampler: Any, batch_sampler: Any) -> None:
    """Refuse what says which samples come, where a stream says so itself."""
    given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                "DataLoader with IterableDataset: "
                f"expected unspecified {name} option, but got {name}={value}"
            )


def check_batching(
    batch_size: int | None,
    shuffle: bool | None,
    sampler: Any,
    batch_sampler: Any,
    drop_last: bool,
) -> None:
    """Refuse two ways at once of saying which samples make a batch."""
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive "
                "with batch_size, shuffle, sampler, and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


def checked_context(context: Any, num_workers: int) -> Any:
    """A multiprocessing context; the name of a start method gives one."""
    if context is None:
        return None
    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with workers (num_workers > 0), "
            f"but got num_workers={num_workers}"
        )
    import multiprocessing  # here, because importing rushlight must stay quick

    if isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(
                "multiprocessing_context option should specify a valid start method in "
                f"{methods!r}, but got multiprocessing_context={context!r}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, multiprocessing.context.BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string "
            f"specifying the start method, but got multiprocessing_context={context}"
        )
    return context
