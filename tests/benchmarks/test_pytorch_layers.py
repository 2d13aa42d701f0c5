"""The layers in PyTorch that the book shows, checked by PyTorch, where the peers' environment is."""

import subprocess

import pytest

from tests.answers import ROOT

PEERS = ROOT / ".venv-peers/bin/python"


@pytest.mark.skipif(not PEERS.exists(), reason="make peers sets up the environment that has PyTorch")
def test_pytorch_accepts_every_layer():
    command = [PEERS, "-m", "benchmarks.pytorch_layers"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("gradcheck passes") == 5
