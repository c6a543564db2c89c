package groom_test

import (
	"os"
	"os/exec"
	"testing"

	"scalar/groom"
)

// Version 1 has no cgroup.kill: the members are killed one by one.
func TestKillByVersion1(t *testing.T) {
	group, ok := groom.NewGroupV1(t.TempDir())
	if !ok {
		t.Skip("no cgroup of version 1 can be made here")
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "read go; for i in 1 2 3 4 5; do env -i setsid sleep 1000 & done; wait")
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	must(t, group.Add(cmd.Process.Pid))
	_, err = in.Write([]byte("go\n"))
	must(t, err)
	eventually(t, "all run", func() bool { return len(group.Pids()) >= 6 })
	must(t, group.KillAll(t.Context()))
	_ = cmd.Wait()
	if left := group.Pids(); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if err := group.Remove(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestGroomIsNeverKilled(t *testing.T) {
	if groom.KillsItself() {
		t.Errorf("process %d would kill itself", os.Getpid())
	}
}
