"""One command for the whole system on one machine: starts its processes, restarts what dies, stops them in order."""

from luwei.bus.lifeline import die_with_parent
from luwei.supervisor.service import run

__all__ = ["die_with_parent", "run"]
