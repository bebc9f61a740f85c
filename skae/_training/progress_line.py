"""The line that ``verbose`` shows on standard error."""

import sys


def show_progress(epoch, max_epochs, losses, is_last):
    """Show one line on standard error: rewritten on a terminal, its last state in a log.

    Parameters
    ----------
    epoch, max_epochs : int
        Epochs done, and the largest number of epochs.
    losses : dict
        Losses of the epoch by name.
    is_last : bool
        Whether training ends with this epoch.
    """
    is_terminal = hasattr(sys.stderr, "isatty") and sys.stderr.isatty()
    if sys.stderr is None or not (is_last or is_terminal):
        return
    bar = "#" * (20 * epoch // max_epochs)
    line = f"epoch {epoch:>4}/{max_epochs} [{bar:.<20}]"
    for name in ("train_loss", "valid_loss"):
        if name in losses:
            line += f"  {name} {losses[name]:.6g}"
    if is_terminal:
        line += "\x1b[K"  # the previous line may have been longer
    print(f"\r{line}", end="\n" if is_last else "", file=sys.stderr, flush=True)
