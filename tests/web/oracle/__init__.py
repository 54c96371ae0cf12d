"""The oracle of who sees what: a random world, the rights table in plain Python, and one module a noun.

A module of a noun has two coroutines, both found by ``test_no_leak`` itself:

``fill(web, world, chance)`` (may be left out) puts rows of the noun into the stores and into ``world`` as plain
dictionaries; ``check(client, world, person)`` asks every route of the noun as that person and compares the answers with
what ``oracle.rights`` says. Every GET route and socket of the application must be asked by some module, answered to
somebody and refused to somebody, or stand in ``oracle.routes.EXCEPTIONS`` with the reason.
"""
