"""Loaded last by a fork server: what Ctrl-C sent it while it began is dropped.

The program tells of Ctrl-C; a traceback of the fork server beside it would only be in the way.
"""

import signal

if hasattr(signal, "sigpending"):
    if signal.SIGINT in signal.sigpending():
        signal.sigwait({signal.SIGINT})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
