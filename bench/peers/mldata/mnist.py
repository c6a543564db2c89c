"""MNIST for the peers: the four IDX files of a folder, packed by gzip or not."""

import gzip
import os
import resource

import numpy as np


def idx(folder, name):
    """The array in the IDX file `name`: bytes, whatever its dimensions."""
    path = os.path.join(folder, name)
    opened = open(path, "rb") if os.path.exists(path) else gzip.open(path + ".gz", "rb")
    with opened as f:
        b = f.read()
    if b[:3] != b"\0\0\x08":
        raise SystemExit(f"{path}: no IDX file of bytes")
    shape = np.frombuffer(b, ">u4", count=b[3], offset=4)
    return np.frombuffer(b, np.uint8, offset=4 + 4 * b[3]).reshape([int(n) for n in shape])


def load(folder):
    """Rows of 784 float32, x = (b/255 - .1307)/.3081, and labels: training, then test."""
    out = []
    for part in ("train", "t10k"):
        x = idx(folder, part + "-images-idx3-ubyte").reshape(-1, 784).astype(np.float32)
        x = (x / np.float32(255) - np.float32(0.1307)) / np.float32(0.3081)
        out += [x, idx(folder, part + "-labels-idx1-ubyte").astype(np.int64)]
    return out


def peak(children=False):
    """The most memory that this process, or any of its children, has had resident, in bytes."""
    who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    return resource.getrusage(who).ru_maxrss * 1024
