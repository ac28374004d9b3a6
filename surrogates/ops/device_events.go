package ops

// deviceOrders are a batch's events as the GPU's kernels take them, by one counting pass each: a GPU's step would wait
// for the CPU's more thorough sort. Events of one bin, and those of one synapse, stay in the order they came in, and so
// do the terms of the GPU's sums.
type deviceOrders struct {
	step, place []int32 // of every bin: bin/dilation, and its place in the order of phases (bin modulo dilation), then steps

	ranges []int32 // [2*row] of every row of the output the first event of its window, and past the last
	key    []int32 // by window, phase and step: synapse*taps - step
	counts []int32

	start []int32 // [Inputs+1]
	row   []int32 // by synapse: batch row*Time + bin
	bin   []int32
	next  []int32
}

func newDeviceOrders(e *Events) *deviceOrders {
	o := &deviceOrders{step: make([]int32, e.Time), place: make([]int32, e.Time)}
	at := int32(0)
	for phase := range min(e.dilation, e.Time) {
		for t := phase; t < e.Time; t += e.dilation {
			o.step[t], o.place[t] = int32(t/e.dilation), at
			at++
		}
	}
	rows := e.Batch * e.Time
	o.ranges, o.counts = make([]int32, 2*rows), make([]int32, rows+1)
	o.start, o.next = make([]int32, e.Inputs+1), make([]int32, e.Inputs+1)
	return o
}

// sort orders checked events.
func (o *deviceOrders) sort(e *Events) {
	n := e.Start[e.Batch]
	o.key, o.row, o.bin = room(o.key, n), room(o.row, n), room(o.bin, n)
	clear(o.counts)
	clear(o.start)
	for b := range e.Batch {
		of := o.counts[b*e.Time+1:][:e.Time]
		for i := e.Start[b]; i < e.Start[b+1]; i++ {
			of[o.place[e.Bin[i]]]++
			o.start[e.Synapse[i]+1]++
		}
	}
	for i := range o.counts[1:] {
		o.counts[i+1] += o.counts[i]
	}
	for s := range e.Inputs {
		o.start[s+1] += o.start[s]
	}
	copy(o.next, o.start)
	taps := int32(e.taps)
	for b := range e.Batch {
		of, ranges := o.counts[b*e.Time:], o.ranges[2*b*e.Time:]
		for t, p := range o.place {
			ranges[2*t], ranges[2*t+1] = of[p-min(o.step[t], taps-1)], of[p+1]
		}
	}
	for b := range e.Batch {
		of, first := o.counts[b*e.Time:], int32(b*e.Time)
		for i := e.Start[b]; i < e.Start[b+1]; i++ {
			t, s := e.Bin[i], e.Synapse[i]
			p := &of[o.place[t]]
			o.key[*p] = s*taps - o.step[t]
			*p++
			q := &o.next[s]
			o.row[*q], o.bin[*q] = first+t, t
			*q++
		}
	}
}
