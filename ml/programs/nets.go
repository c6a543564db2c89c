package programs

import (
	"fmt"

	"scalar/ml/nn"
)

// lenet returns LeNet-5 for rows of 28×28 numbers.
func lenet(row []int, outputs int) (*nn.Spec, error) {
	if size(row) != 28*28 {
		return nil, fmt.Errorf("cnn: rows of %d numbers: LeNet-5 takes images of 28×28, 784; for others describe a net and use mlp --net", size(row))
	}
	return nn.LeNet5(outputs), nil
}

// mostUnits is how many a hidden layer may have.
const mostUnits = 1 << 20

func badHidden(all, one string) error {
	return fmt.Errorf("--hidden %q: %q is no number of units: want numbers from 1 to %d, such as 256,128", all, one, mostUnits)
}
