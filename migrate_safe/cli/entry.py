"""The way in: imports almost nothing, so that Ctrl-C is answered in order from the first moment on.

Until the front door takes over nothing has begun, so that a signal may end the process on the spot; so it may
again when the front door is done. Output streams that the caller has closed are replaced before a connection to a
server can get their numbers.
"""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130
"""As `model.errors.Exit` has it, which is not imported yet."""
YOUNG = 100_000
"""Objects made before Python looks for cycles: there are next to none here, and values live long."""

try:  # at import: until the handlers stand, each further line is a place where Ctrl-C shows a traceback
    import signal

    def _leave(_: int, __: object) -> None:
        try:
            os.write(2, b"migrate-safe: interrupted\n  next: run this again\n")
        finally:
            os._exit(INTERRUPTED)

    for _number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(_number) is not signal.SIG_IGN:  # as for what a shell starts in the background
            signal.signal(_number, _leave)
except KeyboardInterrupt:
    os._exit(INTERRUPTED)


def main() -> int:
    """Run the command line of this process and give its exit code."""
    import gc

    _open_closed_streams()
    gc.set_threshold(YOUNG)
    from migrate_safe.cli.main import main as front_door

    code = front_door()
    gc.freeze()  # the end of the process needs no look for cycles through all that was made
    return code


def _open_closed_streams() -> None:
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - kept to the end
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - kept to the end


if __name__ == "__main__":
    sys.exit(main())
