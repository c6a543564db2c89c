// Package taskproc starts a task process and talks to it.
//
//	groom | bsp.RunLocal ── Start ──▶ task process, a session of its own
//	        Send(ToTask) ──▶ socketpair, descriptor 3 ──▶
//	        Recv(FromTask) ◀──────────────────────────────
//	        Wait, Kill
//
// The task finds the socket as descriptor 3, with BSP_TASK=1 in its environment,
// and ends when the socket does: a task does not outlive its owner.
//
// Kill ends the process, its group and session, and its descendants as long as they
// can be told by their parents. What escapes it: a process that made a session of
// its own and whose parent had ended when Kill looked. A groom puts tasks into
// cgroups (Config.Adjust) and kills by those.
package taskproc
