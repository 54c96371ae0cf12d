"""Who exists: operators, vehicles, terminals (SQLAlchemy 2 on SQLite or PostgreSQL), and who of them is let in.

One noun a module. Nothing is imported here, so that a single noun costs a process only what it needs.
"""
