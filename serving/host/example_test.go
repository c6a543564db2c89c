package host_test

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"scalar/serving/host"
	"scalar/serving/protocol"
)

func Example() {
	h, err := host.New(host.Config{Models: map[string]host.ModelConfig{
		"houses": {Labels: map[string]string{"stable": "1"}},
	}})
	if err != nil {
		panic(err)
	}
	defer h.Close()
	folder, err := filepath.Abs("../../ml/model/testdata/v1/houses")
	if err != nil {
		panic(err)
	}
	if err := h.Load(context.Background(), "houses", "1", folder); err != nil {
		panic(err)
	}

	lease, err := h.Acquire("tenant", []byte("houses"), nil, []byte("stable"))
	if err != nil {
		panic(err)
	}
	defer lease.Release()
	var request protocol.Request
	if err := request.ParseV2(lease.Signature(), []byte(`{"inputs": [{"name": "input", "datatype": "BYTES", "shape": [1, 3], "data": [100, 4, "north"]}]}`), -1); err != nil {
		panic(err)
	}
	var answer protocol.Answer
	if err := lease.Predict(context.Background(), time.Now().Add(time.Minute), &request, &answer); err != nil {
		panic(err)
	}
	fmt.Printf("version %s: %.0f\n", lease.Version.Version(), answer.Outputs[0].F32[0])
	// Output: version 1: 282
}
