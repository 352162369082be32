"""End a command whose parent has died, by whatever: a process of its own that waits for that.

Run by path with the bare interpreter (`python -I -S mourner.py GRACE`), so it imports the standard library only. It
reads the number of a process group from stdin, then waits: at a second line the command has ended by itself; at
end-of-file, which the parent's death brings about on every system, it interrupts the group, and kills it after GRACE
seconds.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

_POLL = 0.05


def main() -> None:
    """Wait, and end the group where nobody is left who would."""
    group = sys.stdin.readline()
    if not group or sys.stdin.readline():
        return
    with suppress(ProcessLookupError):
        os.killpg(int(group), signal.SIGINT)
        end = time.monotonic() + float(sys.argv[1])
        while time.monotonic() < end:
            time.sleep(_POLL)
            os.killpg(int(group), 0)  # is anybody left?
        os.killpg(int(group), signal.SIGKILL)


if __name__ == "__main__":
    main()
