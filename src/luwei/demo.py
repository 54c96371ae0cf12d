"""What the demonstration has beside a real system: a registry filled with the simulated fleet.

The simulated trucks would be admitted without it (admission is open), but nameless: 0x0100 says nothing of the
operator, the VIN or the class of a vehicle.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from sqlalchemy import func, select

from luwei.registry.engine import migrate, open_engine, read
from luwei.registry.imports import import_file
from luwei.registry.vehicle import Vehicle
from luwei.settings import Settings
from luwei.simulator.fleet import trucks, write_csv


def seed(settings: Settings, number: int) -> None:
    """Import operators, vehicles and terminals of the first ``number`` simulated trucks into an empty registry.

    A registry that has vehicles is left as it is: what a person changed in the demo stays.
    Raises RuntimeError when the registry refuses a row of our own making.
    """
    engine = open_engine(settings.registry_url)
    try:
        migrate(engine)
        with read(engine) as connection:
            if connection.execute(select(func.count()).select_from(Vehicle)).scalar_one():
                return
        fleet = trucks(number)
        with tempfile.TemporaryDirectory() as folder:
            for noun in ("operators", "vehicles", "terminals"):
                path = Path(folder) / f"{noun}.csv"
                write_csv(path, fleet, noun)
                report = import_file(engine, noun, path.name, path.read_bytes())
                if report.refused:
                    raise RuntimeError(f"{noun}: {report.refused} rows refused, first {report.errors[0]}")
    finally:
        engine.dispose()
