"""Dropout where p is 0, and where p is out of its range."""

import numpy as np
import pytest

from solutions import dropout_backward, dropout_forward, dropout_jacobian


def test_p_of_zero_keeps_everything():
    x = np.array([0.5, -1.5, 2.0])
    out, cache = dropout_forward(x, np.zeros(3), 0)
    np.testing.assert_array_equal(out, x)
    np.testing.assert_array_equal(dropout_backward(x, cache), x)
    np.testing.assert_array_equal(dropout_jacobian(np.zeros(3), 0), np.eye(3))


@pytest.mark.parametrize("p", [1, 1.0, -0.1, 1.5, np.nan, np.inf, "0.3", None, [0.3], 0.3j])
def test_p_outside_its_range_is_refused(p):
    x = np.array([0.5, 0.7])
    for call in (lambda: dropout_forward(x, x, p), lambda: dropout_jacobian(x, p)):
        with pytest.raises(ValueError, match=r"p must be a number p with 0 <= p < 1, but is "):
            call()
