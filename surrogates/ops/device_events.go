package ops

// deviceOrders are a batch's events as the GPU's kernels take them, by one counting pass each: a GPU's step would wait
// for the CPU's more thorough sort. Events of one bin, and those of one synapse, stay in the order they came in, and so
// do the terms of the GPU's sums.
type deviceOrders struct {
	phases
	ranges []int32 // [3*row] of every row of the output the first event of its window, past the last, and its step
	key    []int32 // by window, phase and step: synapse*taps - step
	counts []int32

	span []int32 // [2*(synapse*Batch+window)] first of bin, and past the last
	bin  []int32 // by synapse and window
	next []int32
}

// phases is the order in which the bins of a convolution lie: those of a phase (bin modulo dilation) together, then by
// step (bin/dilation).
type phases struct {
	step, place []int32 // of every bin
}

func newPhases(time, dilation int) phases {
	p := phases{make([]int32, time), make([]int32, time)}
	at := int32(0)
	for phase := range min(dilation, time) {
		for t := phase; t < time; t += dilation {
			p.step[t], p.place[t] = int32(t/dilation), at
			at++
		}
	}
	return p
}

func newDeviceOrders(e *Events) *deviceOrders {
	o := &deviceOrders{phases: newPhases(e.Time, e.shape.Dilation)}
	rows, lists := e.Batch*e.Time, e.Inputs*e.Batch
	o.ranges, o.counts = make([]int32, 3*rows), make([]int32, rows+1)
	o.span, o.next = make([]int32, 2*lists), make([]int32, lists+1)
	return o
}

// sort orders checked events.
func (o *deviceOrders) sort(e *Events) {
	n := e.Start[e.Batch]
	o.key, o.bin = room(o.key, n), room(o.bin, n)
	clear(o.counts)
	clear(o.next)
	batch := int32(e.Batch)
	for b := range e.Batch {
		of, first := o.counts[b*e.Time+1:][:e.Time], o.next[b+1:]
		for i := e.Start[b]; i < e.Start[b+1]; i++ {
			of[o.place[e.Bin[i]]]++
			first[e.Synapse[i]*batch]++
		}
	}
	for i := range o.counts[1:] {
		o.counts[i+1] += o.counts[i]
	}
	for i := range o.next[1:] {
		o.next[i+1] += o.next[i]
		o.span[2*i], o.span[2*i+1] = o.next[i], o.next[i+1]
	}
	taps := int32(e.shape.Taps)
	for b := range e.Batch {
		of, ranges := o.counts[b*e.Time:], o.ranges[3*b*e.Time:]
		for t, p := range o.place {
			ranges[3*t], ranges[3*t+1], ranges[3*t+2] = of[p-min(o.step[t], taps-1)], of[p+1], o.step[t]
		}
	}
	for b := range e.Batch {
		of, lists := o.counts[b*e.Time:], o.next[b:]
		for i := e.Start[b]; i < e.Start[b+1]; i++ {
			t, s := e.Bin[i], e.Synapse[i]
			p := &of[o.place[t]]
			o.key[*p] = s*taps - o.step[t]
			*p++
			q := &lists[s*batch]
			o.bin[*q] = t
			*q++
		}
	}
}
