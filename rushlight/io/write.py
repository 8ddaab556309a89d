"""A file that takes the old one's place as a whole, or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterable


def replace_file(path: str | os.PathLike, parts: Iterable[bytes | memoryview]) -> None:
    """Write the parts to `path`, so that at any moment the old file or the new one is there.

    They go to a hidden file beside it, are forced to disk, and take the name in one step.  After
    an error the hidden file is gone and the old one as it was; after a power cut or kill the
    hidden file may stay.  Raises OSError as `open` does.
    """
    target = os.path.realpath(path)  # what a link points to is replaced, not the link
    _check_target(path, target)
    if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
        with open(target, "wb") as file:  # a pipe or a device cannot be replaced
            file.writelines(parts)
        return
    folder, name = os.path.split(target)
    hidden = os.path.join(folder, f".{name[:40]}.{secrets.token_hex(8)}.tmp")
    try:
        with open(hidden, "xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            shutil.copymode(target, hidden)
        os.replace(hidden, target)
    except BaseException:
        if os.path.exists(hidden):
            os.unlink(hidden)
        raise
    _keep_name(folder)


def _check_target(path: str | os.PathLike, target: str) -> None:
    problem = None
    if os.path.isdir(target):
        problem = errno.EISDIR
    elif not os.path.isdir(os.path.dirname(target)):
        problem = errno.ENOENT
    elif os.path.exists(target) and not os.access(target, os.W_OK):
        problem = errno.EACCES
    if problem is not None:
        raise OSError(problem, os.strerror(problem), os.fspath(path))


def _keep_name(folder: str) -> None:
    """Force the new name to disk too, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as problem:  # some network file systems know no sync of folders
        if problem.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
