// Package memory tells how much memory the machine has.
package memory

import "golang.org/x/sys/unix"

// Physical is the machine's memory in bytes; 0 where it is not known.
func Physical() float64 {
	var s unix.Sysinfo_t
	if err := unix.Sysinfo(&s); err != nil {
		return 0
	}
	return float64(s.Totalram) * float64(s.Unit)
}
