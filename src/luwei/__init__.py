"""Luwei 路卫: the supervision system for heavy trucks."""

__version__ = "0.1.0"
