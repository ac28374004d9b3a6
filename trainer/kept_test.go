package trainer

import (
	"testing"

	"neq/data/traces"
)

// TestKept: a shard is read once while there is room, in each of its views, and again where there is none; what a damaged
// one says comes out.
func TestKept(t *testing.T) {
	dir := small().write(t)
	set, err := traces.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	k := keep(set)
	first, err := k.Shard(0)
	if err != nil {
		t.Fatal(err)
	}
	view := k.recording()
	other, err := view.Shard(0)
	if err != nil {
		t.Fatal(err)
	}
	k.shelves.room = first.Bytes() - 1
	late, err := k.Shard(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		from source
		k    int
		was  *traces.Shard
		same bool
	}{{"kept", k, 0, first, true}, {"kept by a view", k.recording(), 0, other, true}, {"without room", k, 1, late, false}} {
		again, err := c.from.Shard(c.k)
		if err != nil {
			t.Fatal(err)
		}
		if (again == c.was) != c.same {
			t.Errorf("%s: shard %d is the same %v, want %v", c.what, c.k, again == c.was, c.same)
		}
	}
	if _, err := k.Shard(1 << 20); err == nil {
		t.Error("no error for a shard there is not")
	}
}
