"""The net by ONNX Runtime behind FastAPI, in the JSON of V2."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../served"))

import numpy
import onnxruntime
import orjson
from fastapi import FastAPI, Request, Response
from onnx import TensorProto, helper, numpy_helper

import weights


def onnx(folder):
    w1, b1, w2, b2 = weights.read(folder)
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["input", "w1", "b1"], ["hidden"], transB=1),
            helper.make_node("Relu", ["hidden"], ["active"]),
            helper.make_node("Gemm", ["active", "w2", "b2"], ["logits"], transB=1),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "mlp",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, w1.shape[1]])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, w2.shape[0]])],
        [numpy_helper.from_array(a, n) for n, a in (("w1", w1), ("b1", b1), ("w2", w2), ("b2", b2))],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(onnx(os.environ["MODEL"]), options, providers=["CPUExecutionProvider"])
app = FastAPI()


@app.get("/v2/health/ready")
async def ready():
    return {}


@app.post("/v2/models/m/infer")
async def infer(request: Request):
    one = orjson.loads(await request.body())["inputs"][0]
    x = numpy.array(one["data"], numpy.float32).reshape(one["shape"])
    (p,) = session.run(["probabilities"], {"input": x})
    answer = {"model_name": "m", "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": p.shape, "data": p.ravel()}]}
    return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
