"""The notice's tasks as work: what was promised, installed, connected (reference supervision §3)."""
