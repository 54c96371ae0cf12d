from running_core import applications, quick_hash, web

__all__ = ["applications", "quick_hash", "web"]
