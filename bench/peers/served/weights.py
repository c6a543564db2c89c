"""The weights of a model folder: a net of two dense layers, the first with relu."""

import json
import pathlib
import struct

import numpy


def read(folder):
    """Returns w1, b1, w2, b2: float32, weights [units, features]."""
    data = (pathlib.Path(folder) / "weights.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    tensors = {}
    for name, t in header.items():
        if name != "__metadata__":
            first, end = t["data_offsets"]
            tensors[name] = numpy.frombuffer(body[first:end], "<f4").reshape(t["shape"]).copy()
    names = [n.removesuffix(".weight") for n in tensors if n.endswith(".weight")]
    last = "output" if "output" in names else max(names)
    first = min(n for n in names if n != last)
    return tensors[first + ".weight"], tensors[first + ".bias"], tensors[last + ".weight"], tensors[last + ".bias"]


class Net:
    """The net in numpy. A call takes rows [n, features] and returns their probabilities [n, classes]."""

    def __init__(self, folder):
        w1, self.b1, w2, self.b2 = read(folder)
        self.w1, self.w2 = numpy.ascontiguousarray(w1.T), numpy.ascontiguousarray(w2.T)

    def __call__(self, x):
        z = numpy.maximum(x @ self.w1 + self.b1, 0) @ self.w2 + self.b2
        e = numpy.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)
