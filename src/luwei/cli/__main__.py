"""``python -m luwei.cli``, as the supervisor starts its children."""

from luwei.cli import main

main()
