"""Imports run downward only (docs/architecture.md, "Layout")."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "luwei"

LAYERS = [
    {"cli", "supervisor", "demo"},
    {"core"},
    {"web"},
    {"backup", "live", "commands", "multimedia", "video", "rules", "cases", "oversight", "programme", "governance"},
    {"gateway", "evidence", "media", "exchange", "simulator", "alarms"},
    {"history", "registry", "access", "bus", "facts"},
    {"profiles"},
    {"protocol"},
]
OPEN_TO_ALL = {"settings", "telemetry", "geo", "lifetime"}
SIBLINGS_ALLOWED = {
    ("history", "bus"), ("history", "facts"), ("bus", "facts"), ("access", "registry"),
    ("cli", "supervisor"), ("cli", "demo"), ("video", "commands"), ("cases", "commands"), ("oversight", "cases"),
}  # fmt: skip
"""Within the storage layer, facts are the shared vocabulary and access keeps its rows in the registry."""


def _imports() -> list[tuple[str, str, str]]:
    found = []
    for file in SOURCE.rglob("*.py"):
        room = file.relative_to(SOURCE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [f"luwei.{alias.name}" for alias in node.names] if node.module == "luwei" else [node.module]
            found += [
                (str(file.relative_to(SOURCE)), room, name.split(".")[1])
                for name in names
                if name.startswith("luwei.") and name.split(".")[1] != "__version__"
            ]
    return found


def _level(room: str) -> int:
    return next(level for level, rooms in enumerate(LAYERS) if room in rooms)


def test_every_room_has_a_layer() -> None:
    rooms = {path.name.removesuffix(".py") for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__init__", "__pycache__", "py.typed"} <= set().union(*LAYERS) | OPEN_TO_ALL


def test_imports_run_downward_only() -> None:
    wrong = [
        f"{file}: {room} imports {target}"
        for file, room, target in _imports()
        if target != room
        and target not in OPEN_TO_ALL
        and room != "__init__"
        and (room in OPEN_TO_ALL or _level(target) <= _level(room))
        and (room, target) not in SIBLINGS_ALLOWED
    ]
    assert wrong == []


def test_the_protocol_imports_nothing_else_of_luwei() -> None:
    assert [entry for entry in _imports() if entry[1] == "protocol" and entry[2] != "protocol"] == []


def test_only_the_batch_decoder_needs_numpy_in_the_protocol() -> None:
    for file in (SOURCE / "protocol").rglob("*.py"):
        if "batch" not in str(file.relative_to(SOURCE)):
            assert "import numpy" not in file.read_text(encoding="utf-8"), file
