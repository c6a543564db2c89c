"""Training by scikit-learn: train.py WORK DATA, with WORK one of mlp (DATA has MNIST), kmeans, logistic and linear (DATA is
what make.py has made). One line of JSON.

mlp       MLPClassifier with PyTorch's beginning, plain momentum and no penalty; of each permutation the rows of whole batches
kmeans    KMeans, Lloyd, float32, from the first --k rows of start.npy, --iterations or until no row changes its cluster
logistic  LogisticRegression, L-BFGS, at most --iterations, float64
linear    SGDRegressor, float64: squared loss, constant --rate, no penalty
"""

import json
import math
import os
import time

import mnist
import numpy as np
import options
import sklearn
import threadpoolctl
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, SGDRegressor
from sklearn.neural_network import MLPClassifier


class Net(MLPClassifier):
    """An MLPClassifier whose layers begin as PyTorch's."""

    def _init_coef(self, fan_in, fan_out, dtype):
        bound = 1 / math.sqrt(fan_in)
        w = self._random_state.uniform(-bound, bound, (fan_in, fan_out))
        return w.astype(dtype, copy=False), self._random_state.uniform(-bound, bound, fan_out).astype(dtype, copy=False)


def mlp(o):
    x, y, tx, ty = mnist.load(o.data)
    net = Net((256, 128), solver="sgd", learning_rate_init=o.rate, momentum=0.9, nesterovs_momentum=False, alpha=0, batch_size=o.batch, shuffle=False, random_state=o.seed)
    rng, rows = np.random.default_rng(o.seed), len(x) // o.batch * o.batch
    seconds, errors = [], []
    for _ in range(o.epochs):
        start = time.perf_counter()
        perm = rng.permutation(len(x))[:rows]
        net.partial_fit(x[perm], y[perm], classes=range(10))
        seconds.append(time.perf_counter() - start)
        errors.append(int((net.predict(tx) != ty).sum()) / len(ty))
    return {"samples_per_second": rows / min(seconds), "seconds": seconds, "error": errors, "loss": net.loss_curve_}


def kmeans(o):
    x = np.load(os.path.join(o.data, "points.npy"))
    first = np.load(os.path.join(o.data, "start.npy"))[: o.k]
    model = KMeans(o.k, init=first, n_init=1, max_iter=o.iterations, tol=0, algorithm="lloyd")
    start = time.perf_counter()
    model.fit(x)
    took = time.perf_counter() - start
    return {"seconds_per_iteration": took / model.n_iter_, "iterations": model.n_iter_, "seconds": [took], "cost": float(model.inertia_)}


def logistic(o):
    rows = np.load(os.path.join(o.data, "rows.npy"))
    x, y = np.ascontiguousarray(rows[:, :-1]), rows[:, -1].astype(np.int64)
    strength = 1 / (o.penalty * len(x)) if o.penalty else np.inf
    model = LogisticRegression(C=strength, solver="lbfgs", max_iter=o.iterations, tol=1e-12)
    start = time.perf_counter()
    model.fit(x, y)
    took, n = time.perf_counter() - start, int(model.n_iter_[0])
    p = model.predict_proba(x)[np.arange(len(y)), y]
    loss = -float(np.log(p).mean()) + o.penalty / 2 * float((model.coef_**2).sum())
    return {
        "seconds_per_iteration": took / n, "iterations": n, "samples_per_second": len(x) * n / took, "seconds": [took], "loss": [loss],
        "error": [int((model.predict(x) != y).sum()) / len(y)],
    }


def linear(o):
    rows = np.load(os.path.join(o.data, "rows.npy"))
    x, y = np.ascontiguousarray(rows[:, :-1]), np.ascontiguousarray(rows[:, -1])
    del rows
    model = SGDRegressor(penalty=None, learning_rate="constant", eta0=o.rate, random_state=o.seed)
    seconds, errors = [], []
    for _ in range(o.epochs):
        start = time.perf_counter()
        model.partial_fit(x, y)
        seconds.append(time.perf_counter() - start)
        errors.append(float(((model.predict(x) - y) ** 2).mean()))
    return {"samples_per_second": len(x) / min(seconds), "seconds": seconds, "error": errors}


def main():
    works = {"mlp": mlp, "kmeans": kmeans, "logistic": logistic, "linear": linear}
    o = options.parse(list(works))
    with threadpoolctl.threadpool_limits(o.threads):
        out = works[o.work](o)
    about = {"peer": f"scikit-learn {sklearn.__version__}"} | {name: value for name, value in vars(o).items() if name != "data"}
    print(json.dumps(about | out | {"peak_memory": mnist.peak()}))


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore", category=sklearn.exceptions.ConvergenceWarning)
    main()
