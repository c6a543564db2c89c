"""Training by PyTorch: train.py WORK DATA, with WORK one of mlp, lenet and softmax in this process, and ddp: the mlp in
several by DistributedDataParallel and gloo, each with its share of every batch. One line of JSON."""

import json
import os
import socket
import time

import mnist
import nets
import options
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel


def wrong(net, x, y):
    """The share of rows whose class is another one."""
    with torch.no_grad():
        return int((net(x).argmax(1) != y).sum()) / len(y)


def train(o, net, batches, barrier=lambda: None):
    """Trains net for o.epochs; batches(perm) gives this process its rows of each step."""
    x, y, tx, ty = map(torch.from_numpy, mnist.load(o.data))
    optimizer = torch.optim.SGD(net.parameters(), lr=o.rate, momentum=0.9, fused=True)
    order = torch.Generator().manual_seed(o.seed)
    steps = len(x) // o.batch
    seconds, errors, losses = [], [], []
    for _ in range(o.epochs):
        barrier()
        total, start = torch.zeros(()), time.perf_counter()
        perm = torch.randperm(len(x), generator=order)[: steps * o.batch]
        for rows in batches(perm):
            optimizer.zero_grad()
            loss = cross_entropy(net(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        barrier()
        seconds.append(time.perf_counter() - start)
        losses.append(float(total) / steps)
        errors.append(wrong(net, tx, ty))
    return {"samples_per_second": steps * o.batch / min(seconds), "seconds": seconds, "error": errors, "loss": losses, "peak_memory": mnist.peak()}


def share(o, rank):
    """The batches of one process: its rows of each step."""
    each = o.batch // o.processes
    return lambda perm: (b[rank * each : (rank + 1) * each] for b in perm.split(o.batch))


def worker(rank, o, port, results):
    torch.set_num_threads(o.threads)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=o.processes)
    torch.manual_seed(o.seed)
    results.put(train(o, DistributedDataParallel(nets.net("mlp")), share(o, rank), dist.barrier))
    dist.destroy_process_group()


def ddp(o):
    """Runs the processes; figures are of the slowest, memory of the largest."""
    if o.batch % o.processes:
        raise SystemExit(f"--batch {o.batch} is no multiple of --processes {o.processes}")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    results = mp.get_context("spawn").SimpleQueue()
    context = mp.spawn(worker, (o, port, results), nprocs=o.processes, join=False)
    all_of_them = [results.get() for _ in range(o.processes)]
    while not context.join():
        pass
    out = min(all_of_them, key=lambda r: r["samples_per_second"])
    out["peak_memory"] = max(r["peak_memory"] for r in all_of_them)
    return out


def main():
    o = options.parse(["mlp", "lenet", "softmax", "ddp"])
    about = {"peer": f"PyTorch {torch.__version__}"} | {name: value for name, value in vars(o).items() if name != "data"}
    if o.work == "ddp":
        print(json.dumps(about | ddp(o)))
        return
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    print(json.dumps(about | train(o, nets.net(o.work), lambda perm: perm.split(o.batch))))


if __name__ == "__main__":
    main()
