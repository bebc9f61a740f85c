"""A progress line on standard error."""

import sys


def write_progress_line(line, is_last):
    """Write a progress line to standard error.

    On a terminal, each line replaces the one before; elsewhere, only the last one is written.
    """
    is_terminal = hasattr(sys.stderr, "isatty") and sys.stderr.isatty()
    if sys.stderr is None or not (is_last or is_terminal):
        return
    if is_terminal:
        line += "\x1b[K"  # erases the rest of a longer line before
    print(f"\r{line}", end="\n" if is_last else "", file=sys.stderr, flush=True)
