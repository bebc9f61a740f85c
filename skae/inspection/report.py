"""The base of reports: plain objects with a table."""

from html import escape
from numbers import Real

import numpy as np


class Report:
    """Base of the results: a table in text, in notebooks and as a data frame.

    A subclass defines ``_index``, a pair of the name of the rows and their labels, and
    ``_columns``, a dict of lists of values; ``_summary`` is a line below the table.
    """

    _formats: dict = {}

    def _summary(self):
        return ""

    def as_frame(self):
        """Return the table as a data frame.

        Returns
        -------
        pandas.DataFrame
            Numbers as they are, not rounded.

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
        """Return the table as rows of text, the header first."""
        name, labels = self._index()
        columns = self._columns()
        header = [name, *(column.replace("_", " ") for column in columns)]
        texts = [
            [_text(value, self._formats.get(column, ".4f")) for value in values]
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


def _text(value, form):
    """Return a value as text; "-" for what is not known."""
    if value is None or (isinstance(value, Real) and np.isnan(value)):
        return "-"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else ""
    return format(value, form)
