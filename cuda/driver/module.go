package driver

import (
	"fmt"
	"sort"
	"strings"
	"sync/atomic"
)

// Module is PTX that the driver has compiled for the device.
type Module struct {
	c      *Context
	name   string
	h      handle
	params map[string][]param
	freed  atomic.Bool
}

// Load compiles PTX text for the device. name is what errors call it. Where the driver's compiler refuses it, the
// error is BadPTX or DriverTooOld and ends with the compiler's log.
func (c *Context) Load(name, ptx string) (*Module, error) {
	op := "load " + name
	params, err := kernelParams(ptx)
	if err != nil {
		return nil, refuse(BadPTX, op, "%v", err)
	}
	m := &Module{c: c, name: name, params: params}
	var log string
	err = c.do(op, func() (k code) { m.h, log, k = c.raw.load(ptx); return k })
	if e, ok := err.(*Error); ok {
		if major, minor := isa(ptx); e.Kind == DriverTooOld {
			e.Text = fmt.Sprintf("the driver (CUDA %s) is too old for PTX %d.%d: install a newer one", versionText(c.raw.version()), major, minor)
		}
		if log = strings.TrimSpace(log); log != "" {
			e.Text += "; its compiler says: " + log
		}
		return nil, e
	}
	return m, err
}

// Kernels are the names in the module, sorted.
func (m *Module) Kernels() []string {
	var out []string
	for n := range m.params {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// Free unloads the module. Its kernels are not to be launched any more.
func (m *Module) Free() error {
	op := "unload " + m.name
	if m.freed.Swap(true) {
		return refuse(FreedTwice, op, "it was unloaded before")
	}
	return m.c.do(op, func() code {
		if k := m.c.raw.synchronize(); k != 0 {
			return k
		}
		return m.c.raw.unload(m.h)
	})
}

// Kernel is a function of a module.
type Kernel struct {
	m      *Module
	name   string
	h      handle
	params []param
	shared atomic.Int64 // dynamic shared memory asked for beyond the default

	// What the compiler made of it.
	Registers  int // per thread
	Local      int // bytes of spills and arrays per thread
	Shared     int // bytes of static shared memory per block
	MaxThreads int // per block, given its registers
}

// Kernel looks a kernel up by its symbol.
func (m *Module) Kernel(name string) (*Kernel, error) {
	op := "kernel " + name
	if m.freed.Load() {
		return nil, refuse(UsedAfterFree, op, "%s was unloaded", m.name)
	}
	params, ok := m.params[name]
	if !ok {
		return nil, refuse(NoKernel, op, "%s has none of that name, only %s", m.name, strings.Join(m.Kernels(), ", "))
	}
	k := &Kernel{m: m, name: name, params: params}
	r := m.c.raw
	err := m.c.do(op, func() (x code) {
		if k.h, x = r.function(m.h, name); x != 0 {
			return x
		}
		for _, a := range []struct {
			which int
			to    *int
		}{{attrRegisters, &k.Registers}, {attrLocal, &k.Local}, {attrShared, &k.Shared}, {attrMaxThreads, &k.MaxThreads}} {
			if *a.to, x = r.attribute(k.h, a.which); x != 0 {
				return x
			}
		}
		return 0
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Shape is how a kernel is launched. A zero dimension counts as 1.
type Shape struct {
	Grid   [3]int // blocks
	Block  [3]int // threads
	Shared int    // bytes of dynamic shared memory per block
}

// Threads is the shape of n threads in blocks of block threads.
func Threads(n, block int) Shape {
	if n < 1 || block < 1 {
		return Shape{Grid: [3]int{n}, Block: [3]int{block}} // which Launch refuses where negative
	}
	return Shape{Grid: [3]int{(n-1)/block + 1}, Block: [3]int{block}}
}

// fits checks the shape against the device's limits and fills in the ones.
func (x *Shape) fits(d DeviceInfo, k *Kernel) error {
	threads := 1
	for i := range 3 {
		for _, e := range []*int{&x.Grid[i], &x.Block[i]} {
			if *e == 0 {
				*e = 1
			}
		}
		if x.Grid[i] < 1 || x.Grid[i] > d.MaxGrid[i] {
			return fmt.Errorf("grid %v, the device takes at most %v", x.Grid, d.MaxGrid)
		}
		if x.Block[i] < 1 || x.Block[i] > d.MaxBlock[i] {
			return fmt.Errorf("block %v, the device takes at most %v", x.Block, d.MaxBlock)
		}
		threads *= x.Block[i]
	}
	if most := min(d.MaxThreads, k.MaxThreads); threads > most {
		return fmt.Errorf("%d threads in a block, at most %d with the %d registers that the kernel uses", threads, most, k.Registers)
	}
	if most := max(d.SharedPerBlock, d.SharedOptIn) - k.Shared; x.Shared < 0 || x.Shared > most {
		return fmt.Errorf("%d bytes of dynamic shared memory, at most %d", x.Shared, most)
	}
	return nil
}

// Launch queues the kernel on the stream. An argument is a *Buffer for a pointer, a number of the parameter's own
// size (int32 for .u32 or .b32, float32 for .f32), or ByValue for a structure. What the kernel does wrong shows at
// the next wait.
func (k *Kernel) Launch(s *Stream, x Shape, args ...any) error {
	op := "launch " + k.name
	c := k.m.c
	switch {
	case k.m.freed.Load():
		return refuse(UsedAfterFree, op, "%s was unloaded", k.m.name)
	case s.c != c:
		return refuse(BadArgument, op, "the kernel is of %s, the stream of %s", c.Name(), s.c.Name())
	}
	if err := x.fits(c.info, k); err != nil {
		return refuse(BadArgument, op, "%v", err)
	}
	p, err := pack(k.params, args)
	if err != nil {
		return refuse(BadArgument, op, "%v", err)
	}
	for _, a := range p.holds {
		if err := a.check(op, c); err != nil {
			return err
		}
	}
	return s.use(op, func() code {
		if k.m.freed.Load() {
			return gone
		}
		if n := int64(x.Shared); x.Shared+k.Shared > c.info.SharedPerBlock && n > k.shared.Load() {
			if e := c.raw.allowShared(k.h, x.Shared); e != 0 {
				return e
			}
			k.shared.Store(n)
		}
		return c.raw.launch(k.h, x.Grid, x.Block, x.Shared, s.h, p.values, p.offsets)
	}, p.holds...)
}
