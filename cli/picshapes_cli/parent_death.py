"""Have the kernel kill a child process when its parent dies, even by SIGKILL.

Linux only (PR_SET_PDEATHSIG): elsewhere the hook does nothing, and children of a parent that was killed
outright stay until somebody stops them.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> Callable[[], None]:
    """Return a `preexec_fn` after which the child gets SIGKILL when the thread that starts it ends.

    The kernel means the *thread*, not the process: start children from a thread that lives as long as they
    should (the main thread, or one that waits for them). All look-ups happen here, before the fork, since
    little may be done between fork and exec of a process that has threads.
    """
    if not sys.platform.startswith("linux"):
        return _do_nothing
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent_pid = os.getpid()

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent_pid:  # it died before the line above: no signal would ever come
            os.kill(os.getpid(), signal.SIGKILL)

    return arm


def _do_nothing() -> None:
    pass
