"""The one door for authority: who a person is, and what part of the system an act of theirs may touch.

Every read and every act of a person passes ``authorize`` and goes on with the ``Scope`` it returns.
"""

from luwei.access.authority import Forbidden, authorize, may
from luwei.access.identity import SignedIn
from luwei.registry.audit import Actor, record
from luwei.registry.scope import Scope

__all__ = ["Actor", "Forbidden", "Scope", "SignedIn", "authorize", "may", "record"]
