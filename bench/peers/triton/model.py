"""The net in numpy, for Triton's python back end."""

import os
import sys

sys.path.insert(0, os.environ["NUMPY_FROM"])  # the stub of the wheel reads no PYTHONPATH

import triton_python_backend_utils as triton
import weights


class TritonPythonModel:
    def initialize(self, args):
        self.net = weights.Net(os.environ["MODEL"])

    def execute(self, requests):
        answers = []
        for r in requests:
            x = triton.get_input_tensor_by_name(r, "input").as_numpy()
            answers.append(triton.InferenceResponse([triton.Tensor("probabilities", self.net(x))]))
        return answers
