"""Made the .npy files beside it: python make.py, with NumPy 2.4.6. want.json says what is in them."""
import json

import numpy as np
from numpy.lib import format as npy

rows = np.array([[0, 1, 2], [3, 4, 250]])
want = {}


def save(name, array, version=None):
    with open(name + ".npy", "wb") as f:
        npy.write_array(f, array, version=version)
    want[name] = np.asarray(array, dtype=np.float64).reshape(len(array), -1).tolist()


for dtype in ["|u1", "<u2", ">u2", "<u4", "<u8", "<i2", ">i4", "<i8", ">i8", "<f4", ">f4", "<f8", ">f8"]:
    save("t_" + dtype[1:] + {"<": "_le", ">": "_be", "|": ""}[dtype[0]], rows.astype(dtype))
save("t_i1", np.array([[-128, 127], [0, -1]], dtype=np.int8))
save("t_b1", np.array([[True, False], [False, True]]))
save("t_f2", np.array([[0.5, -65504], [2.0**-24, 1 / 3]], dtype=np.float16))
save("t_f4_exact", np.array([[0.1, -1e-40], [3.4e38, -0.0]], dtype=np.float32))
save("v2", rows.astype("<f4"), (2, 0))
save("v3", rows.astype("<f4"), (3, 0))
save("images", np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
save("vector", np.array([1.5, 2.5, -3.0]))
np.save("fortran.npy", np.asfortranarray(rows.astype("<f4")))
np.save("structured.npy", np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", "<f4")]))
np.save("complex.npy", np.array([[1 + 2j]]))
np.save("text.npy", np.array([["a", "b"]]))
np.save("nan.npy", np.array([[1.0, 2.0], [3.0, np.nan]]))
np.save("large.npy", np.array([[1.0, 2.0], [3.0, 1e300]]))
with open("want.json", "w") as f:
    json.dump(want, f, indent=1)
