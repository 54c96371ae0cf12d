"""Export of every list of the registry as CSV and Excel, row after row, so that its size costs no memory.

The columns are those of the import, with the same headers and words: what was exported can be changed and imported.
"""

from luwei.registry.exports.cells import COLUMNS, Mask, header, lines
from luwei.registry.exports.files import csv_parts, xlsx_parts

__all__ = ["COLUMNS", "Mask", "csv_parts", "header", "lines", "xlsx_parts"]
