"""The settings of a command line, checked before anything is begun."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from luwei.settings import Settings, SettingsError


def loaded(**changes: Any) -> Settings:
    """Those of LUWEI_*, and what is given and not None instead. Raises ClickException that names the variable."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    if settings.profiles is not None:
        from luwei.profiles import ProfileError, catalogue_of

        try:
            catalogue_of(settings.profiles)
        except ProfileError as error:
            raise click.ClickException(f"LUWEI_PROFILES: {error}") from None
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})
