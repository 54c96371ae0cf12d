"""How the registry holds up at province scale: lists, searches, import and export, on SQLite and PostgreSQL.

    ./dev bench registry --vehicles 500000 --import-rows 100000

Fills a registry of its own, asks every list and search several times with whole and narrow scopes, then imports and
exports. Prints one table an engine: the slowest of the askings counts, since a person waits for that one.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, text

from luwei import geo
from luwei.programme.counted import Counted
from luwei.programme.progress import DUE, HEARD, WEEK, Chosen, progress
from luwei.registry import bindings, changes, drivers, organisations, sims, terminals, vehicle_list
from luwei.registry.audit import SYSTEM
from luwei.registry.base import now_ms
from luwei.registry.contact import VehicleContact
from luwei.registry.driver import Driver
from luwei.registry.engine import migrate, open_engine, read, write
from luwei.registry.exports import csv_parts, header, lines
from luwei.registry.imports import import_file
from luwei.registry.organisation import OPERATING, Organisation
from luwei.registry.organisations import OrganisationFilter
from luwei.registry.scope import WHOLE, Scope
from luwei.registry.sim import Sim
from luwei.registry.terminal import Terminal
from luwei.registry.terminals import TerminalFilter
from luwei.registry.vehicle import Vehicle
from luwei.registry.vehicle_list import VehicleFilter

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
CHUNK = 20_000
PAGE_MS, SEARCH_MS, IMPORT_S = 200, 300, 60
MADE_MS = 10_000
"""Counts of the installation that are made once in five minutes."""


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """URL of a cluster of its own on a socket; gone afterwards."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    binaries = found[-1] if found else Path(shutil.which("initdb") or "initdb").parent
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="luwei-bench-pg-"))
    if prefix:
        shutil.chown(folder, "postgres", "postgres")

    def run(program: str, *arguments: str) -> None:
        with (folder.parent / f"{folder.name}.out").open("ab") as output:
            command = [*prefix, str(binaries / program), *arguments]
            subprocess.run(command, check=True, cwd=folder, stdout=output, stderr=output, timeout=120)

    try:
        run("initdb", "-D", f"{folder}/data", "-U", "luwei", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c shared_buffers=512MB"
        run("pg_ctl", "-D", f"{folder}/data", "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://luwei@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", f"{folder}/data", "-m", "fast", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        (folder.parent / f"{folder.name}.out").unlink(missing_ok=True)


def plate(number: int, letter: str) -> str:
    """Plates of one city without repetition: five characters of 34."""
    alphabet = LETTERS + "0123456789"
    text = ""
    for _ in range(5):
        number, digit = divmod(number, len(alphabet))
        text = alphabet[digit] + text
    return f"粤{letter}{text}"


def fill(engine: Engine, count: int) -> None:
    """``count`` vehicles with terminals, cards and half as many drivers of count/80 operators, spread as cities are."""
    chance = random.Random(7)
    areas = [(city.adcode, county.adcode, city.plate[-1]) for city in geo.areas() for county in city.counties]
    at = now_ms()
    stamp = {"created_at": at, "updated_at": at}
    bodies = max(count // 80, 20)
    with write(engine) as connection:
        rows = [
            {"id": i, "kind": "operator", "name": f"广东第{i}物流有限公司", "city": areas[i % len(areas)][0],
             "county": areas[i % len(areas)][1]} | stamp
            for i in range(1, bodies + 1)
        ]  # fmt: skip
        rows += [
            {"id": bodies + i, "kind": "insurer", "name": f"某{i}财产保险", "city": None, "county": None} | stamp
            for i in range(1, 43)
        ]
        connection.execute(insert(Organisation), rows)
    for start in range(1, count + 1, CHUNK):
        numbers = range(start, min(start + CHUNK, count + 1))
        places = {i: areas[min(int(chance.expovariate(4) * len(areas)), len(areas) - 1)] for i in numbers}
        with write(engine) as connection:
            connection.execute(insert(Vehicle), [
                {"id": i, "plate": plate(i * 7919 % 45_000_000, places[i][2]), "plate_color": 2, "source": "import",
                 "vehicle_class": "semi_trailer_tractor", "vin_confirmed": False, "city": places[i][0],
                 "county": places[i][1], "operator_id": 1 + i % bodies, "insurer_id": bodies + 1 + i % 42,
                 "transport_certificate": f"粤交运管{places[i][0]}{i:09}"} | stamp
                for i in numbers
            ])  # fmt: skip
            connection.execute(insert(Terminal), [
                {"id": i, "phone": str(13_000_000_000 + i * 17), "terminal_id": f"LW{i * 31 % 10**7:07}",
                 "model": "LW-1", "manufacturer_id": "44030", "edition": 2019, "vehicle_id": i,
                 "source": "import"} | stamp
                for i in numbers
            ])  # fmt: skip
            connection.execute(insert(Sim), [
                {"id": i, "iccid": f"8986{i:016}", "msisdn": str(1_440_000_000_000 + i), "terminal_id": i} | stamp
                for i in numbers
            ])  # fmt: skip
            connection.execute(insert(Driver), [
                {"id": i, "name": f"张{i % 3000}", "qualification_number": f"4403{i:015}",
                 "phone": str(13_500_000_000 + i), "city": places[i][0], "county": places[i][1],
                 "operator_id": 1 + i % bodies} | stamp
                for i in numbers if i % 2
            ])  # fmt: skip
            seats = {i: {"operator_id": 1 + i % bodies, "insurer_id": bodies + 1 + i % 42, "city": places[i][0],
                         "county": places[i][1]} for i in numbers}  # fmt: skip
            bindings.settle_vehicles(connection, seats)
            connection.execute(insert(VehicleContact), [
                {"vehicle_id": i, "first_at": at, "silent_at": None if i % 10 else at - i * 1_000}
                for i in numbers if i % 20
            ])  # fmt: skip
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in ("organisation", "vehicle", "terminal", "sim", "driver", "binding"):
                last = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
                connection.execute(text(last))
            connection.execute(text("VACUUM ANALYZE"))
    else:
        with engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")


def questions(engine: Engine, count: int) -> list[tuple[str, float, Callable[[], Any]]]:
    """(what is asked, bound in ms, the asking)."""
    city = Scope(cities=frozenset({440300}))
    county = Scope(cities=frozenset({440300}), counties=frozenset({440305}))
    company = Scope(operators=frozenset({5}))
    insurer = Scope(insurers=frozenset({max(count // 80, 20) + 7}))
    middle, last = count // 100, max(count // 50, 1)
    some = vehicle_list.page(engine, WHOLE, VehicleFilter(), size=1).items[0]
    fragment = some.plate[3:6]
    phone = some.terminal.phone[-6:] if some.terminal else "000017"

    def vehicles(scope: Scope, chosen: VehicleFilter, sort: str = "plate", number: int = 1) -> Callable[[], Any]:
        return lambda: vehicle_list.page(engine, scope, chosen, sort, number, 50)

    counted = Counted()
    counted.of(engine, WHOLE, WHOLE)

    def installed(scope: Scope, chosen: Chosen) -> Callable[[], Any]:
        return lambda: counted.page(engine, scope, chosen, 1, 50)

    every = VehicleFilter()
    return [
        ("vehicles, first page", PAGE_MS, vehicles(WHOLE, every)),
        ("vehicles, middle page", PAGE_MS, vehicles(WHOLE, every, number=middle)),
        ("vehicles, last page", PAGE_MS, vehicles(WHOLE, every, number=last)),
        *((f"vehicles by {sort}, middle", PAGE_MS, vehicles(WHOLE, every, sort, middle))
          for sort in vehicle_list.SORTS),
        ("vehicles of a city, first", PAGE_MS, vehicles(city, every)),
        ("vehicles of a city, by operator, page 100", PAGE_MS, vehicles(city, every, "operator", 100)),
        ("vehicles of a county", PAGE_MS, vehicles(county, every)),
        ("vehicles of an operator", PAGE_MS, vehicles(company, every)),
        ("vehicles of an insurer, page 100", PAGE_MS, vehicles(insurer, every, number=100)),
        ("vehicles with a plate fragment", SEARCH_MS, vehicles(WHOLE, VehicleFilter(q=fragment))),
        ("vehicles of a city with a fragment", SEARCH_MS, vehicles(city, VehicleFilter(q=fragment))),
        ("vehicles with one letter", SEARCH_MS, vehicles(WHOLE, VehicleFilter(q="粤B"))),
        ("search: plate fragment", SEARCH_MS, lambda: vehicle_list.search(engine, fragment, WHOLE)),
        ("search: plate fragment in a city", SEARCH_MS, lambda: vehicle_list.search(engine, fragment, city)),
        ("search: phone fragment", SEARCH_MS, lambda: vehicle_list.search(engine, phone, WHOLE)),
        ("search: nothing there", SEARCH_MS, lambda: vehicle_list.search(engine, "XXXXXX", WHOLE)),
        ("terminals, first page", PAGE_MS, lambda: terminals.page(engine, WHOLE)),
        ("terminals, last page", PAGE_MS, lambda: terminals.page(engine, WHOLE, number=last)),
        ("terminals of a city", PAGE_MS, lambda: terminals.page(engine, city)),
        ("terminals without vehicle", PAGE_MS, lambda: terminals.page(engine, WHOLE, TerminalFilter(unbound=True))),
        ("terminals with a fragment", SEARCH_MS, lambda: terminals.page(engine, WHOLE, TerminalFilter(q=phone))),
        ("drivers, first page", PAGE_MS, lambda: drivers.page(engine, WHOLE)),
        ("drivers, page 1000", PAGE_MS, lambda: drivers.page(engine, WHOLE, number=1000)),
        ("drivers of a city", PAGE_MS, lambda: drivers.page(engine, city)),
        ("drivers with a name", SEARCH_MS, lambda: drivers.page(engine, WHOLE, "张2999")),
        ("drivers with a phone fragment", SEARCH_MS, lambda: drivers.page(engine, WHOLE, "00123")),
        ("SIM cards, page 1000", PAGE_MS, lambda: sims.page(engine, WHOLE, number=1000)),
        ("SIM cards of a city", PAGE_MS, lambda: sims.page(engine, city)),
        ("SIM cards with a fragment", SEARCH_MS, lambda: sims.page(engine, WHOLE, "00123")),
        ("operators, first page", PAGE_MS,
         lambda: organisations.page(engine, WHOLE, OrganisationFilter(kinds=OPERATING))),
        ("operators with a fragment", SEARCH_MS,
         lambda: organisations.page(engine, WHOLE, OrganisationFilter("第12", OPERATING))),
        *((f"installation: {name} of {who}", PAGE_MS, installed(scope, chosen))
          for who, scope in (("all", WHOLE), ("a city", city), ("an insurer", insurer))
          for name, chosen in (("without data", Chosen(before=HEARD)), ("silent for a week", Chosen(stall=WEEK)),
                               ("due", Chosen(stage=DUE)))),
        ("installation: counts of all, made", MADE_MS, lambda: progress(engine, WHOLE, WHOLE)),
        ("installation: counts of all, kept", PAGE_MS, lambda: counted.of(engine, WHOLE, WHOLE)),
        ("installation: counts of a city, made", MADE_MS, lambda: progress(engine, city, WHOLE)),
        ("installation: counts of an insurer, made", MADE_MS, lambda: progress(engine, insurer, WHOLE)),
        ("history of a vehicle", PAGE_MS, lambda: changes.page(engine, "vehicle", some.id, WHOLE)),
    ]  # fmt: skip


def slowest(ask: Callable[[], Any], times: int = 5) -> float:
    """Milliseconds of the slowest of ``times`` askings; the first one, which warms caches, counts too."""
    worst = 0.0
    for _ in range(times):
        began = time.perf_counter()
        ask()
        worst = max(worst, time.perf_counter() - began)
    return worst * 1000


def file_of(rows: int) -> bytes:
    """An import of new vehicles with terminals of 1,000 operators that are new too."""
    output = io.StringIO()
    output.write("车牌号,车牌颜色,车架号,车辆类型,所属地市,企业名称,终端手机号,终端ID,终端型号,协议版本\n")
    for i in range(rows):
        output.write(f"{plate(i, 'Y')},蓝,,半挂牵引车,深圳市,新企业{i % 1000},{18_000_000_000 + i},NEW{i},LW-2,2019\n")
    return output.getvalue().encode()


def measure(engine: Engine, vehicles: int, import_rows: int) -> None:
    """Fill, ask, import, export; print one table."""
    migrate(engine)
    began = time.perf_counter()
    fill(engine, vehicles)
    print(f"\n{engine.dialect.name}: {vehicles} vehicles filled in {time.perf_counter() - began:.0f} s")
    for name, bound, ask in questions(engine, vehicles):
        took = slowest(ask)
        print(f"  {name:45} {took:8.1f} ms {'' if took <= bound else f'> {bound:.0f}'}", flush=True)
    content = file_of(import_rows)
    for name, dry in (("dry run", True), ("import", False), ("import again", False)):
        began = time.perf_counter()
        report = import_file(engine, "vehicles", "a.csv", content, dry, SYSTEM)
        took = time.perf_counter() - began
        counts = f"{report.created} created, {report.updated} updated, {report.refused} refused"
        print(
            f"  {name:15} {import_rows} rows {took:12.1f} s {'' if took <= IMPORT_S else '> 60'}  {counts}", flush=True
        )
    began = time.perf_counter()
    keys = vehicle_list.keys(engine, WHOLE, VehicleFilter())
    size = sum(len(piece) for piece in csv_parts(header("vehicles"), lines(engine, "vehicles", keys)))
    print(f"  export {len(keys)} vehicles as CSV {time.perf_counter() - began:10.1f} s  {size / 1e6:.0f} MB")
    with read(engine) as connection:
        connection.execute(text("SELECT count(*) FROM binding"))


def main(arguments: list[str]) -> None:
    """Entry of ``./dev bench registry``."""
    parser = argparse.ArgumentParser(prog="bench registry", description=__doc__)
    parser.add_argument("--vehicles", type=int, default=500_000)
    parser.add_argument("--import-rows", type=int, default=100_000)
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    chosen = parser.parse_args(arguments)
    if chosen.engine != "postgresql":
        with tempfile.TemporaryDirectory(prefix="luwei-bench-") as folder:
            engine = open_engine(f"sqlite:///{folder}/registry.db")
            measure(engine, chosen.vehicles, chosen.import_rows)
            engine.dispose()
    if chosen.engine != "sqlite":
        with postgres() as url:
            engine = open_engine(url)
            measure(engine, chosen.vehicles, chosen.import_rows)
            engine.dispose()
