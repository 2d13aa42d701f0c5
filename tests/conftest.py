"""What the tests of every folder share."""

import pytest

pytest.register_assert_rewrite("verification")  # its checks raise AssertionErrors that say what differs
