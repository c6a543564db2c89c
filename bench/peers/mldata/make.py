"""Rows for k-means, linear and logistic regression: make.py WORK FOLDER [ROWS [COLUMNS]].

kmeans    points.npy, points.csv (float32, 100,000 x 50: 100 normal clouds that overlap), start.npy and start.csv (100 rows of them: the
          first k are where all begin)
logistic  rows.csv (100,000 x 50; the columns depend on each other; the last one is the class, 0 or 1) and rows.npy, the same numbers in float64
linear    rows.npy (1,000,000 x 100 float64; the last column is the target)

Numbers of CSV files are written with 6 digits after the point, and the .npy files have the numbers that the CSV files say.
"""

import os
import sys

import numpy as np

CLOUDS = 100


def text(path, rows, last=""):
    """Writes rows as CSV without a header; last is the format of the last column."""
    formats = ["%.6f"] * (rows.shape[1] - 1) + [last or "%.6f"]
    np.savetxt(path, rows, fmt=formats, delimiter=",")


def kmeans(folder, n, d, rng):
    centers = rng.normal(size=(CLOUDS, d)) * 0.3
    x = np.round(centers[rng.integers(CLOUDS, size=n)] + rng.normal(size=(n, d)), 6)
    start = x[rng.choice(n, CLOUDS, replace=False)]
    for name, rows in (("points", x), ("start", start)):
        np.save(os.path.join(folder, name + ".npy"), rows.astype(np.float32))
        text(os.path.join(folder, name + ".csv"), rows)


def logistic(folder, n, d, rng):
    mix = np.linalg.qr(rng.normal(size=(d, d)))[0] * np.logspace(0, -1.5, d) @ rng.normal(size=(d, d))
    x = np.round(rng.normal(size=(n, d)) @ mix, 6)
    score = x @ rng.normal(size=d)
    y = rng.random(n) < 1 / (1 + np.exp(-(2 * score / score.std() - 0.5)))
    rows = np.column_stack([x, y])
    np.save(os.path.join(folder, "rows.npy"), rows)
    text(os.path.join(folder, "rows.csv"), rows, "%d")


def linear(folder, n, d, rng):
    rows = np.empty((n, d + 1))
    x = rows[:, :d]
    rng.standard_normal(out=rows)
    rows[:, d] = x @ rng.normal(size=d) + 0.1 * rows[:, d] + 3
    np.save(os.path.join(folder, "rows.npy"), rows)


SIZES = {"kmeans": (kmeans, 100_000, 50), "logistic": (logistic, 100_000, 50), "linear": (linear, 1_000_000, 100)}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in SIZES:
        raise SystemExit(__doc__)
    make, n, d = SIZES[sys.argv[1]]
    sizes = [int(s) for s in sys.argv[3:]]
    os.makedirs(sys.argv[2], exist_ok=True)
    make(sys.argv[2], *(sizes + [n, d][len(sizes):]), np.random.default_rng(1))
