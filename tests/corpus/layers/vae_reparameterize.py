"""Reparameterized sample plus KL term of a variational autoencoder."""

import numpy as np

name = "vae_reparameterize"
style = "noise drawn once outside and captured, returns loss = reconstruction + beta KL, float32"


def make(rng):
    mu, logvar, D = (rng.normal(size=s).astype(np.float32) for s in ((4, 2), (4, 2), (2, 3)))
    noise, x = rng.normal(size=(4, 2)).astype(np.float32), rng.normal(size=(4, 3)).astype(np.float32)
    beta = 0.5

    def loss(mu, logvar, D):
        z = mu + np.exp(0.5 * logvar) * noise
        rec = 0.5 * ((z @ D - x) ** 2).sum()
        kl = -0.5 * (1 + logvar - mu**2 - np.exp(logvar)).sum()
        return (rec + beta * kl) / 4

    def back(slip=None):
        sd = np.exp(0.5 * logvar)
        z = mu + sd * noise
        r = (z @ D - x) / 4
        dz = r @ D.T
        b = 0 if slip == "kl" else 1 if slip == "beta" else beta
        half = 1 if slip == "half" else 0.5
        g = {
            "mu": dz + b * mu / 4,
            "logvar": dz * noise * sd * half + b * 0.5 * (np.exp(logvar) - 1) / 4,
            "D": (mu if slip == "mean" else z).T @ r,
        }
        if slip == "noise":
            g["logvar"] = dz * sd * half + b * 0.5 * (np.exp(logvar) - 1) / 4
        return {k: v.astype(np.float32) for k, v in g.items()}

    return {
        "forward": loss,
        "arguments": {"mu": mu, "logvar": logvar, "D": D},
        "upstream": None,
        "right": back,
        "wrong": {
            "forgets the KL term": lambda: back("kl"),
            "forgets beta": lambda: back("beta"),
            "forgets the one half of the exponent": lambda: back("half"),
            "uses the mean in place of the sample for the decoder": lambda: back("mean"),
            "forgets the noise in the gradient of logvar": lambda: back("noise"),
        },
        "kink": False,
        "dtype": "float32",
    }
