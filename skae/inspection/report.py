"""Report: the base class of the results, which are shown as tables."""

from html import escape
from numbers import Real

import numpy as np


class Report:
    """Base class of the results: a table as text, as HTML in notebooks and as a data frame.

    A subclass defines ``_index()``, which returns the name of the index and its labels, and
    ``_columns()``, which returns a dict of lists of values. It may define ``_summary()``, the text
    below the table, and ``_formats``, the format of the columns that do not have four decimals.
    """

    _formats: dict = {}

    def _summary(self):
        return ""

    def as_frame(self):
        """Return the table as a data frame.

        Returns
        -------
        pandas.DataFrame
            The values, not rounded.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("as_frame needs pandas: pip install pandas.") from error
        name, labels = self._index()
        return pd.DataFrame(self._columns(), index=pd.Index(labels, name=name))

    def _cells(self):
        """Return the table as a list of rows of text, starting with the header."""
        name, labels = self._index()
        columns = self._columns()
        header = [name, *(column.replace("_", " ") for column in columns)]
        texts = [
            [_format(value, self._formats.get(column, ".4f")) for value in values]
            for column, values in columns.items()
        ]
        return [header, *([str(label), *row] for label, row in zip(labels, zip(*texts)))]

    def __repr__(self):
        cells = self._cells()
        widths = [max(map(len, column)) for column in zip(*cells)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
            for row in cells
        ]
        lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
        return "\n".join([*lines, *filter(None, [self._summary()])])

    def _repr_html_(self):
        header, *rows = (
            "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row)
            for tag, row in zip(["th", *["td"] * len(self._index()[1])], self._cells())
        )
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        summary = "<br>".join(map(escape, self._summary().splitlines()))
        return f"<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>{summary}"


def _format(value, format_spec):
    """Return a value as text; None and NaN, which are unknown values, are shown as "-"."""
    if value is None or (isinstance(value, Real) and np.isnan(value)):
        return "-"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else ""
    return format(value, format_spec)
