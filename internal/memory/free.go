package memory

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// Free is how much memory a process could still take, in bytes: what Linux holds for available on the machine and, where
// the process is in control groups with a limit (a container, a cluster's job), what these leave, version 1 or 2. 0 where it
// is not known.
func Free() float64 { return free(os.DirFS("/")) }

func free(root fs.FS) float64 {
	room := 1024 * named(root, "proc/meminfo", "MemAvailable:")
	b, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(b)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3) // number:controllers:path
		if len(part) < 3 {
			continue
		}
		mount, limit, usage, idle := "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
		switch {
		case part[0] == "0" && part[1] == "":
			mount, limit, usage, idle = "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
		case part[1] != "memory":
			continue
		}
		for group := path.Clean("/" + part[2]); ; group = path.Dir(group) { // a container may see its own group as the root
			at := path.Join(mount, group)
			if most, ok := number(root, path.Join(at, limit)); ok {
				used, _ := number(root, path.Join(at, usage))
				room = min(room, max(0, most-used+named(root, path.Join(at, "memory.stat"), idle)))
			}
			if group == "/" {
				break
			}
		}
	}
	return room
}

// number is a file's only number; a limit there is not ("max") is none.
func number(root fs.FS, file string) (float64, bool) {
	b, err := fs.ReadFile(root, file)
	if err != nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	return v, err == nil
}

// named is the number after a name at the start of a line, 0 without one.
func named(root fs.FS, file, name string) float64 {
	b, _ := fs.ReadFile(root, file)
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name {
			v, _ := strconv.ParseFloat(f[1], 64)
			return v
		}
	}
	return 0
}
