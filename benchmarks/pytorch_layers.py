"""The layers of the book as PyTorch functions with hand-written backward passes, and PyTorch's own check of them.

`python -m benchmarks.pytorch_layers` runs every check, in the environment of the peers, which has PyTorch. The book
shows these classes as text, so its pages need no PyTorch.
"""

import torch
from torch.autograd import Function, gradcheck
from torch.nn import functional


class Linear(Function):
    @staticmethod
    def forward(ctx, x, theta):
        ctx.save_for_backward(x, theta)
        return x @ theta.T

    @staticmethod
    def backward(ctx, dout):
        x, theta = ctx.saved_tensors
        return dout @ theta, dout.T @ x


class ReLU(Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z.clamp(min=0)

    @staticmethod
    def backward(ctx, dout):
        (z,) = ctx.saved_tensors
        return dout * (z > 0)


class Softmax(Function):
    @staticmethod
    def forward(ctx, x):
        y = functional.softmax(x, dim=-1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dout):
        (y,) = ctx.saved_tensors
        return y * (dout - (dout * y).sum(dim=-1, keepdim=True))


class Dropout(Function):
    @staticmethod
    def forward(ctx, x, r, p):
        mask = (r >= p) / (1 - p)
        ctx.save_for_backward(mask)
        return x * mask

    @staticmethod
    def backward(ctx, dout):
        (mask,) = ctx.saved_tensors
        return dout * mask, None, None


class BatchNorm(Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        std = torch.sqrt(x.var(dim=0, unbiased=False) + eps)
        x_hat = (x - x.mean(dim=0)) / std
        ctx.save_for_backward(x_hat, std, gamma)
        return gamma * x_hat + beta

    @staticmethod
    def backward(ctx, dout):
        x_hat, std, gamma = ctx.saved_tensors
        h = gamma * dout
        dx = (h - h.mean(dim=0) - x_hat * (h * x_hat).mean(dim=0)) / std
        return dx, (dout * x_hat).sum(dim=0), dout.sum(dim=0), None


def problems():
    """{name: (our function, its arguments, PyTorch's own function of the same)}, all sizes different, in float64."""
    torch.manual_seed(1)

    def draw(*shape):
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    r = torch.rand(6, 3, dtype=torch.float64)
    mask = (r >= 0.3) / 0.7
    return {
        "Linear": (Linear.apply, (draw(5, 4), draw(3, 4)), functional.linear),
        "ReLU": (ReLU.apply, (draw(5, 4),), functional.relu),
        "Softmax": (Softmax.apply, (draw(4, 5),), lambda x: functional.softmax(x, dim=-1)),
        "Dropout": (lambda x: Dropout.apply(x, r, 0.3), (draw(6, 3),), lambda x: x * mask),
        "BatchNorm": (
            lambda *given: BatchNorm.apply(*given, 1e-5),
            (draw(6, 3), draw(3), draw(3)),
            lambda x, gamma, beta: functional.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-5),
        ),
    }


def main():
    """Check every layer against PyTorch's finite differences and its own gradients. Raises where one differs."""
    for name, (ours, given, theirs) in problems().items():
        assert gradcheck(ours, given), name
        upstream = torch.randn_like(theirs(*given))
        pairs = zip(
            torch.autograd.grad(ours(*given), given, upstream),
            torch.autograd.grad(theirs(*given), given, upstream),
            strict=True,
        )
        error = max(float((a - b).abs().max()) for a, b in pairs)
        assert error < 1e-12, (name, error)
        print(f"{name:10} gradcheck passes, difference from PyTorch's own gradients {error:.0e}")


if __name__ == "__main__":
    main()
