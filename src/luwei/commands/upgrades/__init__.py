"""Staged upgrades 分级升级: firmware files (``firmware``), what follows from what (``decide``), orders (``engine``)."""
