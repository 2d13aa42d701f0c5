"""Listeners for each file of attacks."""

import pytest

from tests.attacks.listeners import Listeners


@pytest.fixture(scope="module")
def listeners(tmp_path_factory):
    made = Listeners(tmp_path_factory.mktemp("s"))
    yield made
    made.close()
