"""The oracle beside what other people use. `python -m benchmarks` measures, one thread each, in one process.

This file is run before NumPy and the peers are imported, because that is when they count the cores.
"""

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}
