"""Accounts, roles and rights, grants on a recorded reason and the audit log over HTTP."""
