"""``./dev bench [name …]``: run the named benchmarks, or list them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))


def main(arguments: list[str]) -> int:
    if not arguments:
        print("benchmarks:", " ".join(NAMES))
        return 0
    if unknown := [name for name in arguments[:1] if name not in NAMES]:
        print(f"no benchmark named {', '.join(unknown)}; there are: {' '.join(NAMES)}", file=sys.stderr)
        return 2
    importlib.import_module(f"bench.{arguments[0]}").main(arguments[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
