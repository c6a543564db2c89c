package model

// An Epoch is what training came to in one pass over its rows.
type Epoch struct {
	Epoch      int     `json:"epoch"` // from 1
	Loss       float64 `json:"loss"`  // mean over the rows as they were trained on: nats, or squared error
	Error      float64 `json:"error"` // 1 − accuracy; regression: root of the mean squared error
	Validation *Score  `json:"validation,omitempty"`
	Test       *Score  `json:"test,omitempty"`
}
