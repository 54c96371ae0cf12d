"""Subcommands of ``luwei`` that work on what is kept: accounts, audit, import, backup, restore. Each imports only what
it needs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from luwei.cli.settings import loaded


@click.group()
def user() -> None:
    """Accounts of the console."""


@user.command("add")
@click.argument("name")
@click.option("--display-name", default="", help="name shown in the console [NAME]")
@click.option("--role", default="administrator", show_default=True)
def user_add(name: str, display_name: str, role: str) -> None:
    """Create account NAME and print a one-time password, to be changed at the first login."""
    from luwei.access import users
    from luwei.registry.engine import migrate, open_engine

    engine = open_engine(loaded().registry_url)
    migrate(engine)
    try:
        password = users.create_user(engine, username=name, display_name=display_name or name, role=role)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{name}: {password}")


@user.command("reset-password")
@click.argument("name")
def user_reset_password(name: str) -> None:
    """Print a new one-time password of account NAME, to be changed at the next login; its sessions end."""
    from luwei.access import users
    from luwei.registry.engine import migrate, open_engine

    engine = open_engine(loaded().registry_url)
    migrate(engine)
    try:
        password = users.reset_password(engine, name.strip())
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{name}: {password}")


@click.group()
def audit() -> None:
    """The audit log and its chain."""


@audit.command("verify")
@click.option(
    "--anchors", type=click.Path(exists=True, dir_okay=False, path_type=Path), multiple=True,
    help="file with anchors, or a log of the core [audit-anchors.jsonl of the data folder]",
)  # fmt: skip
def audit_verify(anchors: tuple[Path, ...]) -> None:
    """Compute the chain of the audit log again; ends with 1 where an entry was changed, removed or cut off."""
    from luwei.registry.audit_chain import read_anchors, verify
    from luwei.registry.engine import migrate, open_engine

    settings = loaded()
    files = list(anchors) or [path for path in (settings.audit_anchors,) if path.exists()]
    try:
        known = [made for path in files for made in read_anchors(path.read_text(encoding="utf-8").splitlines())]
    except ValueError as error:
        raise click.ClickException(f"anchors: {error}") from None
    engine = open_engine(settings.registry_url)
    migrate(engine)
    verdict = verify(engine, known)
    click.echo(f"{verdict.entries} entries, head {verdict.head.id} {verdict.head.hash}, {verdict.anchors} anchors")
    if verdict.fault is not None:
        click.echo(f"NOT WHOLE: {verdict.fault}", err=True)
        sys.exit(1)
    click.echo("whole")


@click.command("import")
@click.argument("noun", type=click.Choice(["operators", "vehicles", "terminals"]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="check only, change nothing")
def import_file(noun: str, file: Path, dry_run: bool) -> None:
    """Import FILE (CSV or xlsx) into the registry and report every refused row."""
    from luwei.registry.engine import migrate, open_engine
    from luwei.registry.imports import import_file as import_into

    engine = open_engine(loaded().registry_url)
    migrate(engine)
    try:
        report = import_into(engine, noun, file.name, file.read_bytes(), dry_run=dry_run)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    for refused in report.errors:
        click.echo(f"{file.name}:{refused.row}: {refused.column}: {refused.rule} ({refused.value!r})", err=True)
    click.echo(f"{report.rows} rows: {report.created} created, {report.updated} updated, {report.refused} refused")
    sys.exit(1 if report.refused else 0)


def _told(stage: str, done: int) -> None:
    click.echo(f"\r{stage}: {done}      ", nl=False, err=True)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def backup(folder: Path) -> None:
    """Copy registry, history, evidence and the key of seals into FOLDER, new or empty. The system may run."""
    import asyncio

    from luwei.backup import BackupError, back_up
    from luwei.backup.desk import ask
    from luwei.evidence.store import EvidenceStore
    from luwei.history.store import History, HistoryError
    from luwei.registry.engine import migrate, open_engine
    from luwei.supervisor.data_lock import AlreadyRunning, locked

    settings, folder = loaded(), folder.resolve()
    try:
        try:
            with locked(settings.data):
                engine = open_engine(settings.registry_url)
                migrate(engine)
                history = History.open(settings.history, settings.data / "history", settings.history_days)
                try:
                    history.migrate()
                    store = EvidenceStore.open(settings.evidence, settings.data)
                    manifest = back_up(folder, engine, history, store, settings.data, _told)
                finally:
                    history.close()
                    engine.dispose()
                files, size = len(manifest.files), manifest.size
        except AlreadyRunning:
            # The running core has the history open, so it makes the backup.
            state = asyncio.run(ask(settings.bus_url, folder, lambda now: _told(now["stage"], now["done"])))
            files, size = state["files"], state["bytes"]
    except (BackupError, HistoryError, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"\n{folder}: {files} files, {size / 1e6:.1f} MB")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def restore(folder: Path) -> None:
    """Put the backup in FOLDER back into empty stores; refused where the system runs or anything is there."""
    from luwei.backup import BackupError
    from luwei.backup import restore as put_back
    from luwei.evidence.store import EvidenceStore
    from luwei.history.store import History, HistoryError
    from luwei.supervisor.data_lock import AlreadyRunning, locked

    settings = loaded()
    try:
        with locked(settings.data):
            store = EvidenceStore.open(settings.evidence, settings.data)
            path, days = settings.data / "history", settings.history_days

            def history() -> History:
                return History.open(settings.history, path, days)

            manifest = put_back(folder.resolve(), settings.registry_url, history, store, settings.data, _told)
    except (BackupError, HistoryError, AlreadyRunning, OSError) as error:
        raise click.ClickException(str(error)) from None
    rows = sum(manifest.history.values())
    click.echo(f"\nrestored: {rows} facts, {manifest.evidence} evidence files, registry {manifest.registry['kind']}")


STORES: tuple[click.Command, ...] = (user, audit, import_file, backup, restore)
