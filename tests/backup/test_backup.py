"""Backup and restore: nothing lost, nothing altered unnoticed, nothing overwritten."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Engine, MetaData, select, text

from luwei import facts
from luwei.alarms.derivation import tables
from luwei.alarms.extraction import Extraction
from luwei.alarms.standing import Standing
from luwei.backup import BackupError, Manifest, back_up, restore
from luwei.backup import history as history_part
from luwei.backup.manifest import place
from luwei.evidence.store import EvidenceStore
from luwei.history.store import History
from luwei.oversight import signing
from luwei.registry import organisations, vehicles
from luwei.registry.audit import Actor
from luwei.registry.engine import open_engine
from luwei.registry.scope import WHOLE
from postgres import Database, PostgresDatabase

DAY_MS = 86_400_000
NOON = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS - 3 * DAY_MS
"""A day that is over."""
OFFICER = Actor(7, "officer")


def location(vehicle: int, at: int, **values: Any) -> dict[str, Any]:
    return dict.fromkeys(facts.LOCATION.names, 0) | {
        "vehicle_id": vehicle, "terminal_id": vehicle, "at": at, "device_at": at, "received_at": at,
        "lat_e6": 22_543_100, "lon_e6": 114_057_900, "items": b"\x01\x04\x00\xff", "satellites": None,
    } | values  # fmt: skip


def rows_of(engine: Engine) -> dict[str, list[Any]]:
    """Every row of every table."""
    with engine.connect() as connection:
        metadata = MetaData()
        metadata.reflect(connection)
        return {
            name: sorted((tuple(row) for row in connection.execute(select(table))), key=str)
            for name, table in metadata.tables.items()
        }


def facts_of(history: History) -> dict[str, Any]:
    """Every location and ledger row, and what the view made of them."""
    tracks = [history.query("track", vehicle=key, start=0, end=NOON * 2, limit=10_000).to_pylist() for key in (1, 2)]
    latest = sorted(history.query("latest").to_pylist(), key=lambda row: row["vehicle_id"])
    sizes = {name: size.rows for name, size in history.sizes().items() if name not in ("migration", "latest")}
    return {"tracks": tracks, "latest": latest, "sizes": sizes}


@dataclass
class Stores:
    """What a backup copies, and the folder it goes to."""

    engine: Engine
    history: History
    evidence: EvidenceStore
    folder: Path
    fresh_registry: str
    tmp: Path

    def fresh(self) -> dict[str, Any]:
        """Arguments of a restore into empty places."""
        where = self.tmp / f"fresh-{uuid.uuid4().hex[:6]}"
        return {
            "registry_url": self.fresh_registry.format(folder=where),
            "open_history": lambda: History.open("", where / "history", 400),
            "store": EvidenceStore.open(str(where / "evidence"), where),
            "data": where,
        }

    def back_up(self) -> Manifest:
        manifest = back_up(self.folder, self.engine, self.history, self.evidence, self.tmp)
        # chDB holds one folder at a time in a process.
        self.history.close()
        return manifest


@pytest.fixture
def stores(engine: Engine, database: Database, tmp_path: Path) -> Iterator[Stores]:
    company = organisations.create(engine, {"name": "甲\\N乙", "contact": "张三"}, OFFICER, WHOLE)
    for i in range(3):
        given = {"plate": f"粤B1234{i}", "plate_color": 2, "operator_id": company, "certificate_valid_to": "2030-01-31"}
        vehicles.create(engine, given, OFFICER, WHOLE)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM binding WHERE subject_id = 3"))
        connection.execute(text("DELETE FROM vehicle WHERE id = 3"))
    history = History.open("", tmp_path / "history", 400)
    history.migrate()
    for number, at in enumerate((NOON, NOON + DAY_MS, NOON)):
        rows = [location(1 + i % 2, at + i, serial=number * 100 + i) for i in range(50)]
        history.insert(facts.FIX, pa.Table.from_batches([facts.rows_to_batch(facts.FIX, rows)]), f"t{number}")
    overspeed = facts.rows_to_batch(facts.FIX, [location(1, NOON, alarm=2), location(1, NOON + 1, serial=1)])
    for table, rows_of_alarms in tables([Extraction(Standing(), 400).derive(overspeed)]).items():
        history.insert(table, rows_of_alarms, f"t-{table}")
    evidence = EvidenceStore.open(str(tmp_path / "evidence"), tmp_path)
    evidence.put([b"picture" * 1000])
    evidence.put([b""])
    fresh = "sqlite:///{folder}/registry.db"
    if isinstance(database, PostgresDatabase):
        other = PostgresDatabase("", database.server.format(database=f"r{uuid.uuid4().hex}"), database.server)
        other.create()
        fresh = other.url
    yield Stores(engine, history, evidence, tmp_path / "backup", fresh, tmp_path)
    history.close()
    if isinstance(database, PostgresDatabase):
        database.admin(f"DROP DATABASE IF EXISTS {PostgresDatabase.name(fresh)} WITH (FORCE)")


def test_a_restore_into_fresh_stores_brings_everything_back(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_part, "SLICE", 20)
    before = facts_of(stores.history)
    manifest = stores.back_up()
    assert manifest.history == {"location": 150, "alarm": 2, "alarm_open": 1} and manifest.evidence == 2
    registry = rows_of(stores.engine)
    fresh = stores.fresh()
    restore(stores.folder, **fresh)
    engine = open_engine(fresh["registry_url"])
    assert rows_of(engine) == registry
    assert "backup" in {row[6] for row in registry["audit_entry"]}
    # Ids go on where they were, also where the newest row is gone.
    assert vehicles.create(engine, {"plate": "粤B99999", "plate_color": 2}, OFFICER, WHOLE) == 4
    engine.dispose()
    history = fresh["open_history"]()
    assert facts_of(history) == before
    history.close()
    keys = dict(stores.evidence.originals())
    assert dict(fresh["store"].originals()) == keys
    for key in keys:
        assert fresh["store"].verify(key) == stores.evidence.verify(key)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_key_of_seals_comes_back_for_its_owner_alone(stores: Stores) -> None:
    """A package signed before the backup is verified by what the restored system signs with."""
    key = signing.load(stores.tmp / "sealing")
    assert [entry.path for entry in stores.back_up().of("secrets")] == ["secrets/sealing/sm2.key"]
    copy = stores.folder / "secrets" / "sealing" / "sm2.key"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600 and stat.S_IMODE(copy.parents[1].stat().st_mode) == 0o700
    fresh = stores.fresh()
    restore(stores.folder, **fresh)
    restored = fresh["data"] / "sealing" / "sm2.key"
    assert stat.S_IMODE(restored.stat().st_mode) == 0o600
    assert signing.load(restored.parent).fingerprint == key.fingerprint
    other = stores.fresh()
    signing.load(other["data"] / "sealing")
    with pytest.raises(BackupError, match="another key"):
        restore(stores.folder, **other)
    assert list(other["store"].originals()) == []
    flip(copy)
    with pytest.raises(BackupError, match="altered"):
        restore(stores.folder, **stores.fresh())


def test_a_restore_over_anything_that_is_there_is_refused(stores: Stores) -> None:
    stores.back_up()
    full = {
        "registry_url": str(stores.engine.url.render_as_string(hide_password=False)),
        "open_history": lambda: History.open("", stores.tmp / "history", 400),
        "store": stores.evidence,
    }
    for name, words in (("registry_url", "registry"), ("open_history", "history"), ("store", "evidence")):
        fresh = stores.fresh()
        with pytest.raises(BackupError, match=words):
            restore(stores.folder, **fresh | {name: full[name]})
        assert list(fresh["store"].originals()) == []
        if "sqlite" in fresh["registry_url"]:
            assert not Path(fresh["registry_url"].removeprefix("sqlite:///")).exists()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def lead_out(path: Path) -> None:
    """A manifest whose hash is right and whose paths lead out of the folder."""
    found = json.loads(path.read_text())
    found["files"][0]["path"] = "../../etc/passwd"
    content = json.dumps(found).encode()
    path.write_bytes(content)
    path.with_name("manifest.json.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  manifest.json\n")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_altered_backup_is_refused_before_anything_is_written(stores: Stores) -> None:
    stores.back_up()
    damages: list[tuple[str, Callable[[Path], Any], str]] = [
        ("manifest.json", flip, "altered"),
        ("manifest.json", Path.unlink, "no whole backup"),
        ("manifest.json.sha256", Path.unlink, "no whole backup"),
        ("manifest.json", lead_out, "leads out"),
        ("registry/*.db", flip, "altered"),
        ("registry/*.db", Path.unlink, "cannot be read"),
        ("history/location/*/*.arrow", flip, "altered"),
        ("evidence/originals/*/*/*/*", flip, "altered"),
    ]
    for number, (pattern, damage, words) in enumerate(damages):
        copy = stores.tmp / f"copy{number}"
        shutil.copytree(stores.folder, copy)
        damage(max(copy.glob(pattern), key=lambda path: path.stat().st_size))
        fresh = stores.fresh()
        with pytest.raises(BackupError, match=words):
            restore(copy, **fresh)
        assert list(fresh["store"].originals()) == []
        assert not Path(fresh["registry_url"].removeprefix("sqlite:///")).exists()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_backup_goes_into_an_empty_folder_only(stores: Stores) -> None:
    stores.folder.mkdir()
    (stores.folder / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(BackupError, match="not empty"):
        stores.back_up()
    assert [path.name for path in stores.folder.iterdir()] == ["holiday.jpg"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_part_that_a_merge_takes_away_is_read_again(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    real, gone = History.read_part, []

    def vanishing(self: History, part: Any, start: int, count: int) -> pa.Table:
        rows = real(self, part, start, count)
        if len(gone) < 3:
            gone.append(part)
            return rows.slice(0, 0)
        return rows

    monkeypatch.setattr(History, "read_part", vanishing)
    assert stores.back_up().history == {"location": 150, "alarm": 2, "alarm_open": 1} and len(gone) == 3
    Manifest.read(stores.folder).verify(stores.folder, lambda _stage, _done: None)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", ""])
def test_a_path_that_leads_out_of_the_backup_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="leads out"):
        place(tmp_path, path)
