package driver

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// Context is an open GPU. All its calls to the driver are made on one OS thread, in the order they come in.
// Once the device is lost or a kernel has faulted, every call returns that error.
type Context struct {
	raw  raw
	info DeviceInfo
	ctx  handle
	work chan func()

	gate   sync.RWMutex // held for reading while a call is under way, for writing by Close
	closed bool

	mu    sync.Mutex
	lost  *Error
	bytes int64 // device memory held
	count int   // buffers held
	blas  *BLAS
}

// open makes a context on a device that a probe found usable.
func open(d DeviceInfo) (*Context, error) {
	op := fmt.Sprintf("open GPU %d (%s)", d.Index, d.Name)
	r, err := loadDriver()
	if err != nil {
		return nil, err
	}
	c := &Context{raw: r, info: d, work: make(chan func())}
	started := make(chan code)
	go c.thread(started)
	if k := <-started; k != 0 {
		close(c.work)
		return nil, fail(op, k)
	}
	return c, nil
}

// thread owns the OS thread that the context is current on. The thread ends with it.
func (c *Context) thread(started chan<- code) {
	runtime.LockOSThread()
	h, k := c.raw.makeContext(c.info.Index)
	c.ctx = h
	started <- k
	for f := range c.work {
		f()
	}
}

// Info describes the device, as it was probed.
func (c *Context) Info() DeviceInfo { return c.info }

// Name is "cuda:0 NVIDIA H100 PCIe".
func (c *Context) Name() string { return fmt.Sprintf("cuda:%d %s", c.info.Index, c.info.Name) }

// do runs f on the context's thread. A code that ends the context is remembered.
func (c *Context) do(op string, f func() code) error {
	c.gate.RLock()
	defer c.gate.RUnlock()
	if c.closed {
		return refuse(UsedAfterFree, op, "%s was closed", c.Name())
	}
	if err := c.Lost(); err != nil {
		return &Error{Kind: err.Kind, Op: op, Text: "the GPU was lost before this: " + err.Error(), Code: err.Code}
	}
	done := make(chan code)
	c.work <- func() { done <- f() }
	return c.settle(op, <-done)
}

// settle turns a code into an error and remembers it if it ended the context.
func (c *Context) settle(op string, k code) error {
	err := fail(op, k)
	var e *Error
	if errors.As(err, &e) && (e.Kind == DeviceLost || e.Kind == KernelFault || e.Kind == TimedOut) {
		c.mu.Lock()
		if c.lost == nil {
			c.lost = e
		}
		c.mu.Unlock()
	}
	return err
}

// Lost is the error that ended the context, nil while it works.
func (c *Context) Lost() *Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// Synchronize waits for all work on the device. What a kernel did wrong shows here at the latest.
func (c *Context) Synchronize() error { return c.do("synchronize", c.raw.synchronize) }

// Memory is the device memory free now, to this process, and in all, in bytes.
func (c *Context) Memory() (free, total int64, err error) {
	err = c.do("memory", func() (k code) { free, total, k = c.raw.memory(); return k })
	return free, total, err
}

// Held is the device memory that buffers of this context hold, in bytes, and how many buffers.
func (c *Context) Held() (bytes int64, buffers int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes, c.count
}

// Close waits for the device and frees everything that belongs to the context. What is used after it returns
// UsedAfterFree.
func (c *Context) Close() error {
	c.gate.Lock()
	defer c.gate.Unlock()
	if c.closed {
		return refuse(FreedTwice, "close", "%s was closed before", c.Name())
	}
	c.closed = true
	lost := c.Lost()
	done := make(chan code)
	c.work <- func() {
		if lost == nil {
			if b := c.blas; b != nil && b.calls != nil {
				b.calls.close()
			}
		}
		done <- c.raw.destroyContext(c.ctx)
	}
	k := <-done
	close(c.work)
	if lost != nil { // the loss was said before, and destroying a lost context fails in its own ways
		return nil
	}
	return fail("close", k)
}
