from running_core import web

__all__ = ["web"]
