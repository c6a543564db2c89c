"""The net behind LitServe: app.py MODEL PORT WORKERS."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../served"))

import litserve
import numpy

import weights


class Mlp(litserve.LitAPI):
    def setup(self, device):
        self.net = weights.Net(sys.argv[1])

    def decode_request(self, request):
        return numpy.array(request["input"], numpy.float32)

    def predict(self, x):
        return self.net(x)

    def encode_response(self, p):
        return {"output": p.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Mlp(), accelerator="cpu", workers_per_device=int(sys.argv[3]))
    server.run(host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False, generate_client_file=False)
