"""Made peer.safetensors beside it: python make.py, with NumPy and the package safetensors."""
import numpy as np
from safetensors.numpy import save_file

save_file({"w": np.array([[1, 2.5, -3], [0.1, 0, 1e30]], dtype=np.float32), "b": np.array([7], dtype=np.float32)}, "peer.safetensors", {"by": "a test"})
