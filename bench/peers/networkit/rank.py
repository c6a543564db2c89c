"""PageRank by networkit: rank.py INPUT OUTPUT ITERATIONS THREADS.

networkit's PageRank is float64 and Jacobi; its mass of dangling vertices is spread
evenly when it is asked for (SinkHandling). A tolerance that is never met leaves
exactly so many iterations.
"""

import json
import sys
import time

import networkit as nk

source, output, iterations, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
nk.setNumberOfThreads(threads)

start = time.perf_counter()
reader = nk.graphio.EdgeListReader(" ", 0, continuous=False, directed=True)
graph = reader.read(source)
load = time.perf_counter() - start

start = time.perf_counter()
rank = nk.centrality.PageRank(graph, 0.85, 0.0, False, nk.centrality.SinkHandling.DistributeSinks)
rank.maxIterations = iterations
rank.run()
compute = time.perf_counter() - start

start = time.perf_counter()
scores = rank.scores()
with open(output, "w") as out:
    for name, number in reader.getNodeMap().items():
        out.write(f"{name}\t{scores[number]!r}\n")
write = time.perf_counter() - start
print(json.dumps({"load": load, "compute": compute, "write": write, "iterations": rank.numberOfIterations()}))
