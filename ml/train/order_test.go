package train_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"scalar/bsp/bsptest"
	"scalar/ml/train"
)

// TestOrderPinned: rows in one split come in the order in which they always came.
func TestOrderPinned(t *testing.T) {
	h := sha256.New()
	for _, batch := range train.Batches(1000, 32, 3, 7) {
		for _, i := range batch {
			h.Write(binary.LittleEndian.AppendUint32(nil, i))
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != "38036955e77d27eca035255295305a1b7e903170ab1b4da7540e2913ae09baf9" {
		t.Errorf("the order has the digest %s", got)
	}
	o := digits(t)
	o.Epochs = 2
	_, files := trained(t, bsptest.Config{Peers: 2}, o)
	sum := sha256.Sum256(files["weights.safetensors"])
	if got := hex.EncodeToString(sum[:]); got != "a4874b091941af943290c88c5c9f259a6efdd8c22fc584039d49b247af23d5ea" {
		t.Errorf("the weights have the digest %s", got)
	}
}
