package driver

import (
	"fmt"
	"reflect"
	"unsafe"
)

// Value is a structure that a kernel takes by value.
type Value struct {
	bytes []byte
	holds []Memory
	err   error
}

// ByValue copies *v, a structure of numbers laid out as in C (Go and C agree on 64-bit machines where every field
// is of fixed size and both sides declare the same order). Addresses in it are uint64 from Addr; the buffers they
// belong to are listed in holds, so that a launch can check that they live.
func ByValue[T any](v *T, holds ...Memory) Value {
	if err := flat(reflect.TypeFor[T]()); err != nil {
		return Value{err: err}
	}
	b := make([]byte, unsafe.Sizeof(*v))
	copy(b, unsafe.Slice((*byte)(unsafe.Pointer(v)), len(b)))
	return Value{bytes: b, holds: holds}
}

// flat refuses what has no fixed layout or holds the host's pointers.
func flat(t reflect.Type) error {
	switch t.Kind() {
	case reflect.Float32, reflect.Float64, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	case reflect.Array:
		return flat(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if err := flat(t.Field(i).Type); err != nil {
				return fmt.Errorf("field %s: %w", t.Field(i).Name, err)
			}
		}
		return nil
	}
	return fmt.Errorf("%s has no fixed layout on the device: use sized numbers, and Addr for device memory", t)
}

// packed are the arguments of a launch: each at its offset (in bytes) in values.
type packed struct {
	values  []uint64
	offsets []uint32
	holds   []*allocation
}

// pack checks the arguments against the kernel's parameters and lays them out.
func pack(params []param, args []any) (packed, error) {
	if len(args) != len(params) {
		return packed{}, fmt.Errorf("%d arguments, the kernel takes %d %v", len(args), len(params), params)
	}
	p := packed{offsets: make([]uint32, len(args))}
	n := 0
	for i, q := range params {
		n = (n + q.align - 1) / q.align * q.align
		p.offsets[i] = uint32(n)
		n += q.bytes
	}
	p.values = make([]uint64, (n+7)/8+1)
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&p.values[0])), 8*len(p.values))
	for i, a := range args {
		q := params[i]
		to := bytes[p.offsets[i]:][:q.bytes]
		if err := p.put(to, q, a); err != nil {
			return packed{}, fmt.Errorf("argument %d of %d: %w", i+1, len(args), err)
		}
	}
	return p, nil
}

func (p *packed) put(to []byte, q param, a any) error {
	switch v := a.(type) {
	case Memory:
		if v == nil || reflect.ValueOf(v).IsNil() {
			return fmt.Errorf("a nil buffer")
		}
		if q.bytes != 8 || q.kind == 'f' || q.kind == 'a' {
			return fmt.Errorf("a buffer for %v", q)
		}
		p.holds = append(p.holds, v.memory())
		*(*uint64)(unsafe.Pointer(&to[0])) = v.Addr()
		return nil
	case Value:
		if v.err != nil {
			return v.err
		}
		if q.kind != 'a' || len(v.bytes) != q.bytes {
			return fmt.Errorf("%d bytes by value for %v", len(v.bytes), q)
		}
		for _, m := range v.holds {
			p.holds = append(p.holds, m.memory())
		}
		copy(to, v.bytes)
		return nil
	}
	r := reflect.ValueOf(a)
	switch r.Kind() {
	case reflect.Float32, reflect.Float64, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
	default:
		return fmt.Errorf("%T: a buffer, a sized number or ByValue is needed", a)
	}
	float := r.Kind() == reflect.Float32 || r.Kind() == reflect.Float64
	if int(r.Type().Size()) != q.bytes || q.kind == 'a' || float && (q.kind == 'u' || q.kind == 's') || !float && q.kind == 'f' {
		return fmt.Errorf("%T for %v", a, q)
	}
	x := reflect.New(r.Type())
	x.Elem().Set(r)
	copy(to, unsafe.Slice((*byte)(x.UnsafePointer()), q.bytes))
	return nil
}
