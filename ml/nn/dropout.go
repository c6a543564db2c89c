package nn

type dropout struct{}

func (*dropout) forward(*Executor, *cell) error  { return nil }
func (*dropout) backward(*Executor, *cell) error { return nil }
