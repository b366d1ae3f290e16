"""The greedy DPP of pyversity as a process that waits to be asked; the other half of benches/dpp_beside.rs.

python pyversity_dpp.py FOLDER N K D: reads vectors.f32 and relevance.f32, prints its picks as one line, then answers each line on
stdin with the milliseconds of one run.
"""

import sys
import time
from pathlib import Path

import numpy as np
from pyversity import Strategy, diversify

folder = Path(sys.argv[1])
n, k, d = map(int, sys.argv[2:])
vectors = np.fromfile(folder / "vectors.f32", np.float32).reshape(n, d)
relevance = np.fromfile(folder / "relevance.f32", np.float32)


def picks():
    return diversify(embeddings=vectors, scores=relevance, k=k, strategy=Strategy.DPP, diversity=0.5).indices


print(*picks(), flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    picks()
    print((time.perf_counter() - start) * 1e3, flush=True)
