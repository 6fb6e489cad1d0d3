"""Ties the life of a process to that of its parent (Linux).

``python -m service.lifelines PARENT COMMAND ...`` becomes COMMAND, which the kernel
kills when the thread that started it ends, however it ends.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Lets the kernel kill this process when its parent dies; ends at once if it has.

    Outlives ``execve``, except of a program with other privileges.

    Args:
        parent: The process that started this one.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    """Becomes the command in the arguments."""
    parent, *command = sys.argv[1:]
    end_with_parent(int(parent))
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
