"""Listeners for each file of attacks, and the account of what all of them brought."""

import os

import pytest

from autograder.sandbox.bubblewrap import find
from tests.attacks.attack import Attack, brought
from tests.attacks.listeners import Listeners

BROUGHT = "what an attack brought"


@pytest.fixture(scope="module")
def listeners(tmp_path_factory):
    made = Listeners(tmp_path_factory.mktemp("s"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def account(request, record_property):
    """Record what the attack of this test brought, for the summary."""
    if {"attack", "attacked"} <= set(request.fixturenames):
        attack, attacked = request.getfixturevalue("attack"), request.getfixturevalue("attacked")
        if isinstance(attack, Attack):
            record_property(BROUGHT, brought(attacked, attack))


def pytest_terminal_summary(terminalreporter):
    """One line: the combination of user and bubblewrap, how many attacks ran, and what they brought."""
    reports = [each for outcome in ("passed", "failed") for each in terminalreporter.stats.get(outcome, [])]
    sums = [value for each in reports for name, value in each.user_properties if name == BROUGHT]
    canaries = sum(
        "test_stock.py::test_stock_" in each.nodeid for each in reports if each.passed and each.when == "call"
    )
    if sums:
        points, leaks, limits = map(sum, zip(*sums, strict=True))
        user = "root" if os.getuid() == 0 else "ordinary user"
        terminalreporter.write_line(
            f"{user}, {find()[0]}: {len(sums)} attacks, {points:g} unearned points, {leaks} secrets read, "
            f"{limits} limits of the machine crossed; {canaries} canaries work where nothing stops them"
        )
