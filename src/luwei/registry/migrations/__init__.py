"""Alembic migrations of the registry's and access' tables; ``luwei.registry.engine.migrate`` runs them."""
