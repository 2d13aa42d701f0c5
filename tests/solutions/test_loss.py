"""The two losses on scores far from 0, and on labels that are integers or no distribution."""

import numpy as np
import pytest

from solutions import cross_entropy_backward, cross_entropy_forward, squared_error_backward, squared_error_forward
from verification.agreement import agree, pulled
from verification.reference_gradients import cross_entropy, symbolic


def test_cross_entropy_far_out():
    inputs = dict(z=np.array([[1000.0, -1000.0, 999.0], [-1000.0, -1000.5, -998.0]]), y=np.eye(3)[[1, 0]])
    _, cache = cross_entropy_forward(**inputs)
    agree(dict(z=cross_entropy_backward(1.5, cache)), pulled(1.5, symbolic(cross_entropy, inputs, ("z",))), "symbolic")


@pytest.mark.parametrize("y", [[[0.5, 0.25]], [[1, 1]], [[1.5, -0.5]], [[0, 0]], [[2.0, -1.0]]])
def test_labels_that_are_no_distribution_are_refused(y):
    z = np.array([[0.5, 0.25]])
    for call in (lambda: cross_entropy_forward(z, np.array(y)), lambda: cross_entropy_backward(1.0, (z, np.array(y)))):
        with pytest.raises(ValueError, match=r"must have rows that are not negative and sum to 1, but row 0 is \["):
            call()


def test_labels_may_be_integers():
    z, labels = np.array([[0.5, 0.25, -1.0]], np.float32), np.array([[0, 1, 0]])
    for forward, backward in (
        (squared_error_forward, squared_error_backward),
        (cross_entropy_forward, cross_entropy_backward),
    ):
        loss, cache = forward(z, labels)
        assert loss == forward(z, labels.astype(np.float32))[0]
        assert loss.dtype == backward(np.float32(1), cache).dtype == np.float32
