package memory

import (
	"testing"
	"testing/fstest"
)

func TestFree(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	meminfo := file("MemTotal:       24000 kB\nMemFree:         100 kB\nMemAvailable:   10000 kB\n")
	for _, c := range []struct {
		name string
		root fstest.MapFS
		want float64
	}{
		{"no files", fstest.MapFS{}, 0},
		{"a machine", fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/\n")}, 10000 * 1024},
		{"a job's limit, on a group above", fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/job/step\n"),
			"sys/fs/cgroup/job/step/memory.max": file("max\n"),
			"sys/fs/cgroup/job/memory.max":      file("5000000\n"), "sys/fs/cgroup/job/memory.current": file("4000000\n"),
			"sys/fs/cgroup/job/memory.stat": file("anon 1\nactive_file 9\ninactive_file 500000\n")}, 1500000},
		{"a container that sees itself as the root", fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/docker/abc\n"),
			"sys/fs/cgroup/memory.max": file("3000000\n"), "sys/fs/cgroup/memory.current": file("1000000\n")}, 2000000},
		{"version 1", fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("5:cpu,cpuacct:/a\n4:memory:/slurm/job\n"),
			"sys/fs/cgroup/memory/slurm/job/memory.limit_in_bytes": file("7000000\n"), "sys/fs/cgroup/memory/slurm/job/memory.usage_in_bytes": file("6000000\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n")}, 1000000},
		{"more used than allowed", fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/a\n"),
			"sys/fs/cgroup/a/memory.max": file("10\n"), "sys/fs/cgroup/a/memory.current": file("20\n")}, 0},
	} {
		if got := free(c.root); got != c.want {
			t.Errorf("%s: %v bytes free, want %v", c.name, got, c.want)
		}
	}
	if free, all := Free(), Physical(); all > 0 && !(free > 0 && free < all) {
		t.Errorf("%v bytes free of %v", free, all)
	}
}
