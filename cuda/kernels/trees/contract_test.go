package trees

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A contraction eliminates every node but the root once, each between neighbours that stay in its round, and solves the
// system: on random trees, chains, stars and combs its dv is that of Hines' elimination to 1e-12 of the largest.
func TestContract(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	shapes := map[string]func(i int) int{
		"chain": func(i int) int { return i - 1 }, "star": func(i int) int { return 0 }, "binary": func(i int) int { return (i - 1) / 2 },
		"comb": func(i int) int { return i - 1 - i%2*(i/2)%2 }, "random": func(i int) int { return r.IntN(i) },
		"branches": func(i int) int {
			if r.IntN(10) == 0 {
				return r.IntN(i)
			}
			return i - 1
		},
	}
	for name, f := range shapes {
		for _, n := range []int{1, 2, 3, 17, 640} {
			parent := make([]int32, n)
			axial, e, res := make([]float64, n), make([]float64, n), make([]float64, n)
			for i := range parent {
				parent[i] = int32(max(-1, min(i-1, f(max(i, 1)))))
				if i == 0 {
					parent[i] = -1
				}
				axial[i], e[i], res[i] = 0.01+r.Float64(), 0.1*r.Float64(), r.NormFloat64()
			}
			rounds := Contract(parent)
			if most := 3*int(math.Log2(float64(n))) + 2; len(rounds) > most {
				t.Errorf("%s of %d nodes, %d deep: %d rounds, want at most %d", name, n, Depth(parent), len(rounds), most)
			}
			got, want := contracted(t, parent, axial, e, res, rounds), hines(parent, axial, e, res)
			worst, size := 0.0, 0.0
			for i := range want {
				worst, size = max(worst, math.Abs(got[i]-want[i])), max(size, math.Abs(want[i]))
			}
			if !(worst <= 1e-12*size) {
				t.Errorf("%s of %d nodes: off by %g of %g", name, n, worst, size)
			}
		}
	}
}

// contracted solves (e + sum of a) dv - sum of a dv_neighbour = r as block.cuh does.
func contracted(t *testing.T, parent []int32, axial, e, r []float64, rounds []Round) []float64 {
	t.Helper()
	n := len(parent)
	e, r, edge := append([]float64(nil), e...), append([]float64(nil), r...), append([]float64(nil), axial...)
	f, k, gone := make([]float64, n), make([]float64, n), make([]bool, n)
	for _, q := range rounds {
		now := map[int16]bool{}
		for _, x := range q.Away {
			if gone[x.Node] || gone[x.Parent] || x.Child >= 0 && gone[x.Child] {
				t.Fatalf("node %d goes between %d and %d, one of which is gone", x.Node, x.Parent, x.Child)
			}
			now[x.Node] = true
			down := 0.0
			if x.Child >= 0 {
				down = edge[x.Child]
			}
			d := e[x.Node] + edge[x.Node] + down
			f[x.Node], k[x.Node] = edge[x.Node]/d, down/d
		}
		for _, x := range q.Away {
			if now[x.Parent] || x.Child >= 0 && now[x.Child] {
				t.Fatalf("node %d goes with a neighbour", x.Node)
			}
			gone[x.Node] = true
		}
		for _, x := range q.Stays {
			if x.Parent >= 0 {
				e[x.Node] += k[x.Parent] * e[x.Parent]
				r[x.Node] += k[x.Parent] * r[x.Parent]
				edge[x.Node] = k[x.Parent] * edge[x.Parent]
			}
			for _, c := range x.Children {
				e[x.Node] += f[c] * e[c]
				r[x.Node] += f[c] * r[c]
			}
		}
	}
	r[0] /= e[0]
	for i := len(rounds) - 1; i >= 0; i-- {
		for _, x := range rounds[i].Away {
			gone[x.Node] = false
			dv := r[x.Node]*f[x.Node]/edge[x.Node] + f[x.Node]*r[x.Parent]
			if x.Child >= 0 {
				dv += k[x.Node] * r[x.Child]
			}
			r[x.Node] = dv
		}
	}
	for i := 1; i < n; i++ {
		if parent[i] >= 0 && f[i] == 0 {
			t.Fatalf("node %d was never eliminated", i)
		}
	}
	return r
}

// hines eliminates from the last node to the first.
func hines(parent []int32, axial, e, r []float64) []float64 {
	n := len(parent)
	d, x := append([]float64(nil), e...), append([]float64(nil), r...)
	for i, p := range parent {
		if p >= 0 {
			d[i] += axial[i]
			d[p] += axial[i]
		}
	}
	for i := n - 1; i > 0; i-- {
		f := axial[i] / d[i]
		d[parent[i]] -= f * axial[i]
		x[parent[i]] += f * x[i]
	}
	x[0] /= d[0]
	for i := 1; i < n; i++ {
		x[i] = (x[i] + axial[i]*x[parent[i]]) / d[i]
	}
	return x
}
