//go:build !((gpu || cuda) && linux && cgo && (amd64 || arm64))

package driver

import "context"

var notBuilt = Status{Kind: NotBuilt, Why: "this program was built without GPU support",
	Advice: `build it with "make", or with -tags gpu as package driver says, on 64-bit Linux`}

// Probe says that there is no GPU support in this build.
func Probe(context.Context) Status { return notBuilt }

func loadDriver() (raw, error) { return nil, notBuilt.Err() }
