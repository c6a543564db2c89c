"""Products of float32 matrices by PyTorch: gemm.py THREADS, as OpenBLAS's gemm.py."""

import json
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[1]))
print(json.dumps({"library": f"PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"}), flush=True)
torch.manual_seed(1)
for line in sys.stdin:
    m, n, k, seconds = line.split()
    a, b, c = torch.rand(int(m), int(k)), torch.rand(int(k), int(n)), torch.zeros(int(m), int(n))
    torch.mm(a, b, out=c)
    took, end = [], time.perf_counter() + float(seconds)
    while not took or time.perf_counter() < end:
        start = time.perf_counter()
        torch.mm(a, b, out=c)
        took.append(time.perf_counter() - start)
    took.sort()
    print(json.dumps({"median": took[len(took) // 2], "least": took[0]}), flush=True)
