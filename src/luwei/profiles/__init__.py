"""Profiles: what is expected of a terminal's dialect and how its bytes are read, as data (docs/profiles.md)."""

from luwei.profiles.catalogue import Catalogue, catalogue_of, load
from luwei.profiles.check import ProfileError
from luwei.profiles.match import Choice, Identity, Reason
from luwei.profiles.profile import Profile

__all__ = ["Catalogue", "Choice", "Identity", "Profile", "ProfileError", "Reason", "catalogue_of", "load"]
