"""The command line of the peers: train.py WORK DATA and the options of the work, the same for all."""

import argparse

# Every option: its type and what it is.
OPTIONS = {
    "threads": (int, "of this process, or of each of ddp's"),
    "processes": (int, "of ddp"),
    "epochs": (int, "passes over the rows"),
    "batch": (int, "rows of a step, of all processes together"),
    "rate": (float, "of learning"),
    "seed": (int, "of the beginning and of the order of rows"),
    "k": (int, "clusters"),
    "iterations": (int, "at most"),
    "penalty": (float, "lambda/2 times the sum of squares, beside the mean loss"),
}

# What a work takes, and its defaults: those of the figures.
WORKS = {
    "mlp": {"threads": 1, "epochs": 4, "batch": 128, "rate": 0.05, "seed": 1},
    "lenet": {"threads": 1, "epochs": 1, "batch": 128, "rate": 0.05, "seed": 1},
    "softmax": {"threads": 1, "epochs": 2, "batch": 128, "rate": 0.02, "seed": 1},
    "ddp": {"threads": 1, "processes": 2, "epochs": 3, "batch": 128, "rate": 0.05, "seed": 1},
    "kmeans": {"threads": 1, "k": 10, "iterations": 20},
    "logistic": {"threads": 1, "iterations": 20, "penalty": 0.0},
    "linear": {"threads": 1, "epochs": 3, "rate": 0.01, "seed": 1},
}


def parse(works):
    """The options of a command line whose work is one of works."""
    p = argparse.ArgumentParser()
    all_works = p.add_subparsers(dest="work", required=True)
    for work in works:
        one = all_works.add_parser(work)
        one.add_argument("data", help="folder: of MNIST, or what make.py has made")
        for name, default in WORKS[work].items():
            kind, what = OPTIONS[name]
            one.add_argument("--" + name, type=kind, default=default, help=f"{what} (default {default})")
    return p.parse_args()
