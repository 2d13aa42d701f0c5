"""What a student should have written: every layer of the course, forward and backward, in NumPy."""

from .batch_norm import batch_norm_backward, batch_norm_forward, batch_norm_jacobian
from .dropout import dropout_backward, dropout_forward, dropout_jacobian
from .linear import linear_backward, linear_forward
from .loss import cross_entropy_backward, cross_entropy_forward, squared_error_backward, squared_error_forward
from .relu import relu_backward, relu_forward
from .softmax import softmax_backward, softmax_forward, softmax_jacobian
from .two_branch import branch_a_backward, branch_b_backward, head_backward, two_branch_backward, two_branch_forward

__all__ = [
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_jacobian",
    "branch_a_backward",
    "branch_b_backward",
    "cross_entropy_backward",
    "cross_entropy_forward",
    "dropout_backward",
    "dropout_forward",
    "dropout_jacobian",
    "head_backward",
    "linear_backward",
    "linear_forward",
    "relu_backward",
    "relu_forward",
    "softmax_backward",
    "softmax_forward",
    "softmax_jacobian",
    "squared_error_backward",
    "squared_error_forward",
    "two_branch_backward",
    "two_branch_forward",
]
