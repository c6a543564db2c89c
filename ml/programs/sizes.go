package programs

import "fmt"

func badHidden(all, one string) error {
	return fmt.Errorf("--hidden %q: %q is no number of units: want numbers from 1, such as 256,128", all, one)
}
