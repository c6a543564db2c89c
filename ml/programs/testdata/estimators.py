"""Writes scikit-learn's own data sets into the folder argv[1], NAME-train.csv and NAME-test.csv (every fifth row), and prints how
its estimators do on them, one line of JSON."""

import json
import sys
import warnings

import numpy as np
from sklearn import datasets
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
out = {}
for name in ("digits", "breast_cancer", "wine", "diabetes"):
    x, y = getattr(datasets, "load_" + name)(return_X_y=True)
    held = np.arange(len(x)) % 5 == 4
    for part, rows in (("train", ~held), ("test", held)):
        np.savetxt(f"{sys.argv[1]}/{name}-{part}.csv", np.column_stack([x, y])[rows], fmt=["%.17g"] * x.shape[1] + ["%d"], delimiter=",")
    train, test, yt, yh = x[~held], x[held], y[~held], y[held]
    if name == "diabetes":
        wrong = LinearRegression().fit(train, yt).predict(test) - yh
        out[name] = {"linear": float(np.sqrt((wrong**2).mean()))}
        continue
    scaler = StandardScaler().fit(train)
    train, test = scaler.transform(train), scaler.transform(test)
    linear = LogisticRegression(C=1.0, tol=1e-8, max_iter=10000).fit(train, yt)
    nets = [MLPClassifier((32,), solver="adam", learning_rate_init=0.005, batch_size=32, max_iter=40, alpha=0, random_state=s).fit(train, yt) for s in range(5)]
    means = KMeans(3, init=train[:3], n_init=1, algorithm="lloyd", tol=0).fit(train)
    np.savetxt(f"{sys.argv[1]}/{name}-start.csv", scaler.inverse_transform(train[:3]), fmt="%.17g", delimiter=",")
    p = linear.predict_proba(test)[np.arange(len(yh)), yh]
    out[name] = {
        "logistic": 1 - linear.score(test, yh), "loss": float(-np.log(p).mean()),
        "mlp": sorted(1 - n.score(test, yh) for n in nets), "kmeans": float(means.inertia_) / len(train),
    }
print(json.dumps(out))
