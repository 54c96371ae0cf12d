"""Import of operators, vehicles and terminals from CSV and Excel files, with an error for every cell that is wrong.

A file is read (``tables``), its headers and words are understood (``columns``), every row is checked on its own and
then against what is there (``plan``), and the good rows are written in one transaction. A row with an error is
refused whole; the others go in. An empty cell leaves a stored value as it is. A dry run does all but the writing.
"""

from luwei.registry.imports.columns import NOUNS, template_csv
from luwei.registry.imports.report import Report, RowError
from luwei.registry.imports.run import import_file
from luwei.registry.imports.tables import MAX_BYTES, MAX_ROWS

__all__ = ["MAX_BYTES", "MAX_ROWS", "NOUNS", "Report", "RowError", "import_file", "template_csv"]
