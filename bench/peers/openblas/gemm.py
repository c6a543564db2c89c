"""Products of float32 matrices by OpenBLAS: gemm.py THREADS.

Prints what it is, a JSON line. Then for each line "m n k seconds" of stdin it
multiplies for so long and prints the median and the least seconds of a call.
"""

import json
import os
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = sys.argv[1]

import numpy as np  # noqa: E402  reads the variable
from threadpoolctl import threadpool_info  # noqa: E402

blas = next(i for i in threadpool_info() if i["internal_api"] == "openblas")
print(json.dumps({"library": f"OpenBLAS {blas['version']}, {blas['architecture']} kernels"}), flush=True)
random = np.random.default_rng(1)
for line in sys.stdin:
    m, n, k, seconds = line.split()
    a = random.random((int(m), int(k)), dtype=np.float32)
    b = random.random((int(k), int(n)), dtype=np.float32)
    c = np.zeros((int(m), int(n)), dtype=np.float32)
    np.matmul(a, b, out=c)
    took, end = [], time.perf_counter() + float(seconds)
    while not took or time.perf_counter() < end:
        start = time.perf_counter()
        np.matmul(a, b, out=c)
        took.append(time.perf_counter() - start)
    took.sort()
    print(json.dumps({"median": took[len(took) // 2], "least": took[0]}), flush=True)
