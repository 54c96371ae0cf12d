"""Everybody of a random world asks for everything, and every answer is held against the oracle."""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections import Counter
from typing import Any

from running_core import Running

import oracle
from oracle import world
from oracle.routes import Routes
from oracle.world import World

TIRELESS = ("administrator", "police", "driver", "insurer")
"""Who asks for each noun: who may do everything, and who may do next to nothing."""


async def compare(web: Running, seed: int, *, everybody: bool = False) -> list[str]:
    """Build the world and compare; the routes that nobody asked, or that nobody was answered or refused by.

    ``everybody`` asks for everything; else those of TIRELESS ask for each noun and the others for every third."""
    nouns, here = _nouns(), world.build(web, seed)
    routes = Routes(web.app)
    for module in nouns:
        if hasattr(module, "fill"):
            await module.fill(web, here, random.Random(seed))
    for number, person in enumerate(here.people):
        share = 1 if everybody or person["role"] in TIRELESS else 3
        await _ask(web, here, person, routes, nouns, number, share)
    for module in nouns:
        if hasattr(module, "check_sockets"):
            await module.check_sockets(web, here, routes)
    return routes.unknown()


async def compare_briefly(web: Running, seed: int) -> None:
    """The same by every second person of a role, without sockets and without counting routes: what another database
    could answer otherwise, where ``compare`` has asked for all."""
    nouns, here = _nouns(), world.build(web, seed)
    for module in nouns:
        if hasattr(module, "fill"):
            await module.fill(web, here, random.Random(seed))
    turns: Counter[str] = Counter()
    for number, person in enumerate(here.people):
        turns[person["role"]] += 1
        if turns[person["role"]] == 2:
            share = 1 if person["role"] in TIRELESS else 2
            await _ask(web, here, person, Routes(web.app), nouns, number, share)


def _nouns() -> list[Any]:
    return [
        module
        for found in sorted(pkgutil.iter_modules(oracle.__path__), key=lambda each: each.name)
        if hasattr(module := importlib.import_module(f"oracle.{found.name}"), "check")
    ]


async def _ask(
    web: Running, here: World, person: dict[str, Any], routes: Routes, nouns: list[Any], number: int, share: int
) -> None:
    """Every ``share``-th noun, another one for each person."""
    async with web.inside(person["token"]) as client:
        client.event_hooks["response"].append(routes.heard)
        for place, module in enumerate(nouns):
            if (number + place) % share == 0:
                await module.check(client, here, person)
