"""Backup and restore of what Luwei keeps: registry, history, evidence and the key of seals in one folder, each file
with its hash.

The history is copied first, then the registry, then the evidence: every vehicle of the history stands in the registry,
and every file that the registry names stands in the evidence. What the bus still holds at that moment is not in it.
The manifest is written last; a folder without one is no backup.
"""

from luwei.backup.manifest import BackupError, Manifest
from luwei.backup.run import back_up, restore

__all__ = ["BackupError", "Manifest", "back_up", "restore"]
