"""All profiles of this installation: those of the package and those of the operator's folder.

Read once when a process starts. A file that breaks a rule stops the start: a profile that is silently missing would
have its terminals read wrongly.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from luwei.profiles.check import Checked, ProfileError, build, check, merged
from luwei.profiles.match import Choice, Identity
from luwei.profiles.profile import Profile

SHIPPED = Path(__file__).parent / "shipped"
FILE_MAX = 256 * 1024
FILES_MAX = 500
REMEMBERED = 20_000
FALLBACK = "standard-2019"
"""The profile of a terminal of which nothing is known."""


@dataclass(frozen=True)
class Catalogue:
    """The profiles, by name and version. Of several versions of a name the highest is the one that is given out."""

    profiles: tuple[Profile, ...]

    @cached_property
    def current(self) -> Mapping[str, Profile]:
        """The highest version of each name, in the order of names."""
        newest: dict[str, Profile] = {}
        for profile in sorted(self.profiles, key=lambda each: (each.name, each.version)):
            newest[profile.name] = profile
        return newest

    def get(self, name: str, version: int | None = None) -> Profile | None:
        """The profile of that name, in that version or the highest."""
        if version is None:
            return self.current.get(name)
        return next((p for p in self.profiles if p.name == name and p.version == version), None)

    def known(self, name: str, version: int) -> Profile | None:
        """That version, or the highest where it is gone; None where the name is gone too."""
        return self.get(name, version) or self.get(name)

    def match(self, identity: Identity) -> Choice:
        """The most specific profile for ``identity``; of equals an operator's own, then the first by name.

        Where none fits it is ``FALLBACK``, without reasons. Thousands of terminals have few identities, so what was
        decided is remembered.
        """
        known = self._decided.get(identity)
        if known is None:
            if len(self._decided) >= REMEMBERED:
                self._decided.clear()
            known = self._decided[identity] = self._match(identity)
        return known

    @cached_property
    def _decided(self) -> dict[Identity, Choice]:
        return {}

    def _match(self, identity: Identity) -> Choice:
        fits = [(profile, fit) for profile in self.current.values() if (fit := profile.fits(identity)) is not None]
        fits.sort(key=lambda pair: (*(-weight for weight in pair[1].weights), pair[0].shipped, pair[0].name))
        if not fits:
            return Choice(self.current[FALLBACK], ())
        (best, fit), others = fits[0], fits[1:]
        return Choice(best, fit.reasons, tuple(profile.name for profile, _ in others[:5]))


def load(folder: Path | None = None) -> Catalogue:
    """The shipped profiles and those of ``folder``. Raises ProfileError for the first file that breaks a rule."""
    stated: list[tuple[str, bool, Checked]] = []
    for place, shipped in ((SHIPPED, True), (folder, False)):
        if place is not None:
            stated += [(name, shipped, check(name, table)) for name, table in _tables(place)]
    seen: dict[tuple[str, int], str] = {}
    for file, _, values in stated:
        key = (values[""]["name"], values[""]["version"])
        if key in seen:
            raise ProfileError(file, "name", f"{key[0]} version {key[1]} is already in {seen[key]}")
        seen[key] = file
    newest = _newest(stated)
    profiles = [build(file, shipped, _whole(file, values, newest)) for file, shipped, values in stated]
    catalogue = Catalogue(tuple(profiles))
    _refuse_equals(catalogue.current.values())
    if FALLBACK not in catalogue.current:
        raise ProfileError(str(SHIPPED), "name", f"{FALLBACK} is missing")
    return catalogue


@cache
def catalogue_of(folder: Path | None) -> Catalogue:
    """As ``load``, read once in a process."""
    return load(folder)


def _tables(folder: Path) -> list[tuple[str, dict[str, object]]]:
    if not folder.is_dir():
        raise ProfileError(str(folder), "", "is no folder")
    files = sorted(folder.glob("*.toml"))
    if len(files) > FILES_MAX:
        raise ProfileError(str(folder), "", f"holds more than {FILES_MAX} profiles")
    found = []
    for file in files:
        try:
            if file.stat().st_size > FILE_MAX:
                raise ProfileError(str(file), "", f"is larger than {FILE_MAX} bytes")
            found.append((str(file) if folder != SHIPPED else file.name, tomllib.loads(file.read_text("utf-8"))))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise ProfileError(str(file), "", f"cannot be read as TOML: {error}") from None
    return found


def _newest(stated: Iterable[tuple[str, bool, Checked]]) -> dict[str, Checked]:
    newest: dict[str, Checked] = {}
    for _, _, values in stated:
        before = newest.get(values[""]["name"])
        if before is None or before[""]["version"] < values[""]["version"]:
            newest[values[""]["name"]] = values
    return newest


def _whole(file: str, values: Checked, newest: Mapping[str, Checked]) -> Checked:
    """``values`` on top of everything it extends."""
    chain, names = [values], [values[""]["name"]]
    while (base := chain[-1][""].get("extends")) is not None:
        if base not in newest:
            raise ProfileError(file, "extends", f"there is no profile {base}")
        if base in names:
            raise ProfileError(file, "extends", f"goes in a circle: {' → '.join([*names, base])}")
        names.append(base)
        chain.append(newest[base])
    whole = chain.pop()
    while chain:
        whole = merged(whole, chain.pop())
    return whole


def _refuse_equals(profiles: Iterable[Profile]) -> None:
    """Two profiles with the same criteria: which of them a terminal gets would be chance."""
    seen: dict[object, Profile] = {}
    for profile in profiles:
        for match in profile.matches:
            other = seen.setdefault((profile.shipped, match), profile)
            if other is not profile:
                raise ProfileError(profile.file, "match", f"has the same criteria as {other.name} in {other.file}")
