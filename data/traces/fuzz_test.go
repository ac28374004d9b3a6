package traces

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// What a chunk's file holds must never panic nor make decode allocate beyond what was asked for.
func FuzzChunk(f *testing.F) {
	c, err := newCodec()
	if err != nil {
		f.Fatal(err)
	}
	whole := encode(c, nil, []float32{1, 2, 3, float32(math.NaN())})
	f.Add(whole, uint16(4))
	f.Add(whole, uint16(5))
	f.Add(whole[:len(whole)-3], uint16(4))
	f.Add(append(bytes.Clone(whole), whole...), uint16(4))
	f.Add(encode(c, nil, make([]float32, 60000)), uint16(60000))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd}, uint16(0))
	f.Add([]byte{}, uint16(1))
	f.Fuzz(func(t *testing.T, frame []byte, n uint16) {
		v, err := decode[float32](c, frame, int(n))
		if err == nil && len(v) != int(n) {
			t.Fatalf("%d values, want %d", len(v), n)
		}
	})
}

// Frames that lie about their size are refused, and before memory is taken for it.
func TestBombs(t *testing.T) {
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	const huge = maxChunkValues // float32: 1 GiB
	small := encode(c, nil, make([]float32, 4))
	big, err := zstd.NewWriter(nil, zstd.WithSingleSegment(true))
	if err != nil {
		t.Fatal(err)
	}
	bomb := big.EncodeAll(make([]byte, 64<<20), nil)
	// Magic, a single segment with an 8-byte content size (RFC 8878, section 3.1.1.1), no block.
	lying := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0x40, 0, 0, 0, 0}
	for name, frame := range map[string][]byte{
		"claims a GiB in 13 bytes": lying,
		"small":                    small,
		"another follows":          append(bytes.Clone(small), bomb...),
	} {
		n := huge
		if name == "another follows" {
			n = 4
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decode[float32](c, frame, n)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: decoded", name)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 { // a decoder's own tables are below 1 MiB
			t.Errorf("%s: took %d bytes before saying %v", name, took, err)
		}
	}
}

// A header, a receipt and a manifest of any content, rightly sealed, are decoded and checked without a panic; one that
// passes has sizes a reader can allocate.
func FuzzManifest(f *testing.F) {
	in := example()
	dir := whole(f, in)
	for _, name := range []string{headerFile, manifestFile, "shards/2.json"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(bytes.Replace(b, []byte(`1000`), []byte(`1e3`), 1))
		f.Add(bytes.Replace(b, []byte(`"shard": 2`), []byte(`"shard": -2`), 1))
		f.Add(bytes.Replace(b, []byte(`"samples": 23`), []byte(`"samples": 9223372036854775807`), 1))
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = reseal(b)
		var h header
		if unseal(b, &h) == nil && h.check() == nil {
			if n := h.Info.shardBytes(); n < 0 || n > maxShardBytes || h.Info.Shards() > maxShards {
				t.Fatalf("a shard of %d bytes passed", n)
			}
		}
		var r receipt
		if unseal(b, &r) == nil && r.check(&in, 2, in.shardArrays()) == nil && len(r.Files) != len(in.shardArrays()) {
			t.Fatal("a receipt with files left out passed")
		}
		var m manifest
		if unseal(b, &m) == nil && m.check(&in) == nil && len(m.Shards) != in.Shards() {
			t.Fatal("a manifest with shards left out passed")
		}
	})
}

// reseal gives the bytes the checksum that fits them, where they have a place for it.
func reseal(b []byte) []byte {
	if len(b) < len(sealKey)+len(noSeal) || !bytes.HasPrefix(b, sealKey) {
		return b
	}
	b = bytes.Clone(b)
	copy(b[len(sealKey):], noSeal)
	copy(b[len(sealKey):], checksum(b))
	return b
}

// What a header claims is refused by its checks, a right checksum or not.
func TestLyingHeader(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{`"samples": 23`, `"samples": 1099511627777`, "samples is"},
		{`"event_capacity": 1000`, `"event_capacity": 4611686018427387904`, "event_capacity"},
		{`"samples_per_shard": 5`, `"samples_per_shard": 0`, "samples_per_shard is 0"},
		{`"name": "m"`, `"name": "../../m"`, "../../m"},
		{`"format_version": 1`, `"format_version": 2`, "version 2"},
		{`"duration_ms": 60`, `"duration_ms": "60"`, "duration_ms"},
		{`"duration_ms": 60`, `"durations_ms": 60`, "durations_ms"},
		{`"duration_ms": 60`, `"duration_ms": 6`, "want"}, // no longer what the receipts are of
	} {
		dir := whole(t, example())
		path := filepath.Join(dir, headerFile)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte(c.from)) {
			t.Fatalf("the header has no %s", c.from)
		}
		edited := bytes.Replace(b, []byte(c.from), []byte(c.to), 1)
		write(t, path, edited)
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("%s: edited, opened with %v", c.to, err)
		}
		write(t, path, reseal(edited))
		s, err := Open(dir)
		if err == nil {
			_, err = s.Shard(0)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", c.to, c.want, err)
		}
	}
}

func TestSealRoundTrip(t *testing.T) {
	h := &header{Format: formatName, Number: formatNumber, Info: full()}
	b, err := seal(h)
	if err != nil {
		t.Fatal(err)
	}
	var got header
	if err := unseal(b, &got); err != nil || got.Seal != h.Seal || len(got.Seal) != 64 {
		t.Fatalf("%v, seal %q", err, got.Seal)
	}
	var any map[string]any
	if err := json.Unmarshal(b, &any); err != nil {
		t.Error("other readers cannot open it: ", err)
	}
	for i := range b { // every byte counts
		c := bytes.Clone(b)
		c[i] ^= 1
		if unseal(c, &header{}) == nil {
			t.Fatalf("byte %d flipped, unnoticed: %q", i, c[max(0, i-10):i+10])
		}
	}
}
