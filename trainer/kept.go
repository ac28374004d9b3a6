package trainer

import (
	"slices"
	"strings"
	"sync"

	"neq/data/traces"
	ram "neq/internal/memory"
)

// kept is a data set whose shards stay in memory once they were read, as long as there is room: reading one takes longer than
// training a small network on it, and a fit reads each many times. None is given up for another: in an order permuted anew
// each time, the one to be read next is as likely to be an old one. Shards are shared, and must not be written to.
type kept struct {
	set     *traces.Set
	record  string // variables that it reads, joined
	shelves *shelves
}

// shelves are what kept holds of all views of a data set.
type shelves struct {
	mu     sync.Mutex
	room   float64 // bytes
	shards map[slot]*traces.Shard
}

type slot struct {
	record string
	shard  int
}

// keptPart is how much of the machine's free memory the shards may take: what is garbage meanwhile may be as much again.
const keptPart = 0.25

func keep(set *traces.Set) *kept {
	return &kept{set: set, shelves: &shelves{room: keptPart * ram.Free(), shards: map[slot]*traces.Shard{}}}
}

func (k *kept) Info() traces.Info { return k.set.Info() }

// recording is a view that reads only the variables named, on the same shelves.
func (k *kept) recording(names ...string) source {
	names = slices.Sorted(slices.Values(names))
	return &kept{set: k.set.Recording(names...), record: strings.Join(names, "\x00"), shelves: k.shelves}
}

func (k *kept) Shard(i int) (*traces.Shard, error) {
	at, s := slot{k.record, i}, k.shelves
	s.mu.Lock()
	have := s.shards[at]
	s.mu.Unlock()
	if have != nil {
		return have, nil
	}
	read, err := k.set.Shard(i)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.shards[at]; have != nil { // another goroutine was quicker
		return have, nil
	}
	if size := read.Bytes(); size <= s.room {
		s.room -= size
		s.shards[at] = read
	}
	return read, nil
}
