"""The ``luwei`` command. Each subcommand imports only what it needs, so that ``luwei explain`` starts at once."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TextIO

import click

from luwei import __version__
from luwei.cli.settings import loaded
from luwei.cli.stores import STORES


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="luwei")
def main() -> None:
    """Luwei 路卫: supervision of heavy trucks. Settings come from LUWEI_* variables (docs/operations.md)."""


@main.command()
def up() -> None:
    """Run the whole system on this machine until Ctrl-C."""
    from luwei import supervisor

    supervisor.run(loaded())


@main.command()
@click.option("--trucks", default=300, show_default=True, type=click.IntRange(1, 20_000), help="simulated trucks")
@click.option("--data", type=click.Path(path_type=Path), help="folder of the demo's stores [data/demo]")
def demo(trucks: int, data: Path | None) -> None:
    """Run the whole system with simulated trucks; unknown terminals are admitted."""
    from luwei import supervisor
    from luwei.demo import seed

    folder = (data or Path(os.environ.get("LUWEI_DATA", "") or "data/demo")).resolve()
    os.environ.update(LUWEI_DEMO="1", LUWEI_ADMISSION="open", LUWEI_DATA=str(folder))
    os.environ.setdefault("LUWEI_EVIDENCE_FTP_PORT", "7621")
    settings = loaded()
    seed(settings, trucks)
    supervisor.run(settings, demo_trucks=trucks)


@main.command()
def core() -> None:
    """Run ingest, live state and the web server (started by ``up``)."""
    from luwei import core as process
    from luwei.supervisor import die_with_parent

    die_with_parent()
    process.run(loaded())


@main.command()
@click.option("--shard", default=0, type=click.IntRange(0, 63))
def gateway(shard: int) -> None:
    """Run one gateway shard (started by ``up``)."""
    from luwei.gateway import service
    from luwei.supervisor import die_with_parent

    die_with_parent()
    service.run(loaded(), shard)


@main.command()
@click.option("--number", default=0, type=click.IntRange(0, 15), help="which of this host's media processes")
def media(number: int) -> None:
    """Run one process of the media server (started by ``up``)."""
    from luwei.media import service
    from luwei.supervisor import die_with_parent

    die_with_parent()
    service.run(loaded(), number)


def _address(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, int]:
    host, _colon, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise click.BadParameter(f"{value!r}: must be HOST:PORT with a port from 1 to 65535")
    return host, int(port)


@main.command()
@click.option("--trucks", default=300, show_default=True, type=click.IntRange(1, 50_000))
@click.option("--to", "address", default="127.0.0.1:7611", show_default=True, callback=_address, metavar="HOST:PORT")
@click.option("--seed", default=0, show_default=True, help="which fleet; the same seed gives the same trucks")
@click.option("--misbehave", is_flag=True, help="add the device faults of docs/protocol/quirks.md")
@click.option("--truth", type=click.Path(path_type=Path, dir_okay=False), help="file that records what was sent")
@click.option("--seconds", default=0.0, help="stop after so long; 0: until Ctrl-C")
@click.option("--awake", is_flag=True, help="let trucks drive whatever the hour (for demonstrations)")
@click.option(
    "--profiles",
    default="standard",
    show_default=True,
    type=click.Choice(["standard", "mixed", "standard-2013", "standard-2019", "guangdong", "jiangsu", "own"]),
    help="how the terminals speak; mixed: by model, own: a vendor with texts, clock and items of its own",
)
@click.option("--udp-share", default=0.0, type=click.FloatRange(0, 1), help="share of trucks that use UDP")
@click.option("--lively", is_flag=True, help="begin with alarms of every grade (for demonstrations)")
def simulate(
    trucks: int,
    address: tuple[str, int],
    seed: int,
    misbehave: bool,
    truth: Path | None,
    seconds: float,
    awake: bool,
    profiles: str,
    udp_share: float,
    lively: bool,
) -> None:
    """Drive simulated trucks on Guangdong's roads against a gateway."""
    from luwei.simulator import service
    from luwei.supervisor import die_with_parent

    if os.environ.get("LUWEI_DEMO") == "1":
        die_with_parent()
    service.run(
        trucks,
        *address,
        seed=seed,
        misbehave=misbehave,
        truth=truth,
        duration_s=seconds,
        awake=awake,
        udp_share=udp_share,
        profiles=profiles,
        lively=lively,
    )


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "address", default="127.0.0.1:7611", show_default=True, callback=_address, metavar="HOST:PORT")
@click.option("--result", type=click.Path(path_type=Path, dir_okay=False), help="write one JSON line a frame")
def replay(file: Path, address: tuple[str, int], result: Path | None) -> None:
    """Send captured frames (jsonl with "hex", or hex lines) to a gateway as their terminals."""
    from luwei.simulator import replay as replaying

    summary = replaying.run(file, *address, result=result)
    click.echo(str(summary))


@main.command()
@click.argument("frame")
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
@click.option("--profile", default="", help="read texts and codes as this profile does (docs/profiles.md)")
def explain(frame: str, as_json: bool, profile: str) -> None:
    """Explain a frame byte by byte. FRAME is hex, with or without blanks; - reads standard input."""
    from rich.console import Console
    from rich.table import Table

    from luwei.protocol.explain import explain as explain_frame

    text = "".join((sys.stdin.read() if frame == "-" else frame).split())
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raise click.ClickException("FRAME: must be an even number of hex digits") from None
    if profile:
        from luwei.profiles import catalogue_of

        catalogue = catalogue_of(loaded().profiles)
        chosen = catalogue.get(profile)
        if chosen is None:
            raise click.ClickException(f"--profile: must be one of {', '.join(catalogue.current)}")
        explanation = explain_frame(raw, chosen.reading)
    else:
        explanation = explain_frame(raw)
    if as_json:
        click.echo(json.dumps(explanation.to_json(), ensure_ascii=False, indent=2))
    else:
        table = Table("offset", "bytes", "field", "中文", "value", "", header_style="bold")
        for row in explanation.rows:
            table.add_row(str(row.offset), row.hex, row.field, row.term_zh, row.value, row.note)
        console = Console(width=None if sys.stdout.isatty() else 160)
        console.print(table)
        if explanation.error is not None:
            console.print(f"[red]{explanation.error.code}[/red]: {explanation.error.detail}")
    sys.exit(0 if explanation.error is None else 1)


@main.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
def decode(file: TextIO) -> None:
    """Decode lines {"id","hex"} into lines {"id","header","body"} or {"id","error"}."""
    from luwei.protocol.decode import decode_lines

    for record in decode_lines(file):
        click.echo(json.dumps(record, ensure_ascii=False))


@main.command()
@click.argument("folder", default="docs/protocol", type=click.Path(file_okay=False, path_type=Path))
def docs(folder: Path) -> None:
    """Write the protocol pages from the declarations."""
    from luwei.protocol.document import write_pages

    for path in write_pages(folder):
        click.echo(path)


@main.group()
def evidence() -> None:
    """Files of alarms: take them in, check them."""


@evidence.command("serve")
def evidence_serve() -> None:
    """Run the attachment server (started by ``up``)."""
    from luwei.evidence import service
    from luwei.supervisor import die_with_parent

    die_with_parent()
    service.run(loaded())


@evidence.command("verify")
def evidence_verify() -> None:
    """Read every stored file again and report what is missing, changed or unknown; exit status 1 if anything is."""
    from luwei.evidence.store import EvidenceStore
    from luwei.evidence.verify import verify
    from luwei.registry.engine import migrate, open_engine

    settings = loaded()
    engine = open_engine(settings.registry_url)
    migrate(engine)

    def progress(done: int, total: int, size: int) -> None:
        if sys.stderr.isatty() and (done % 20 == 0 or done == total):
            click.echo(f"\r{done} of {total} files, {size >> 20} MiB", nl=done == total, err=True)

    try:
        result = verify(engine, EvidenceStore.open(settings.evidence, settings.data), progress)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    for finding in result.findings:
        table = "file" if finding.of == "evidence_file" else finding.of
        click.echo(f"{finding.what}: {finding.key} {table} {finding.file or '-'} {finding.detail}".rstrip())
    click.echo(f"{result.files} files, {result.size} bytes, {len(result.findings)} findings")
    sys.exit(1 if result.findings else 0)


for command in STORES:
    main.add_command(command)
