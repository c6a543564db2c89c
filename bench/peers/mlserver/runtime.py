"""The net as a runtime of MLServer."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

import weights


class Mlp(MLModel):
    async def load(self) -> bool:
        self.net = weights.Net(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        x = NumpyCodec.decode_input(payload.inputs[0])
        out = NumpyCodec.encode_output("probabilities", self.net(x))
        return InferenceResponse(id=payload.id, model_name=self.name, model_version=self.version, outputs=[out])
