// Command neq finds out how many parameters a neuron is: it simulates neurons, fits surrogate networks to
// their traces, and reports the smallest that is faithful.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"neq/data/traces"
	"neq/trainer"
)

// version is set by the Makefile (-X, which only reaches a variable without an initial value).
var version string

func init() {
	if version == "" {
		version = commit()
	}
}

func commit() string {
	name, dirty := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				name = s.Value[:min(len(s.Value), 7)]
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = "-dirty"
			}
		}
	}
	return name + dirty
}

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2  // of the command line or the configuration
	exitUnverified  = 3  // verify found something wrong
	exitInterrupted = 75 // run again with --resume
)

// usageError is an error of how neq was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, a ...any) error { return usageError{fmt.Errorf(format, a...)} }

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey && a.Value.Any() == slog.LevelInfo {
			return slog.Attr{}
		}
		return a
	}})))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the program at once; what is on disk stays whole
	}()
	err := execute(ctx, args)
	code := exitCode(err)
	switch {
	case err == nil:
	case code == exitInterrupted:
		fmt.Fprintln(os.Stderr, "neq: interrupted; what is done is kept: run the same command again with --resume")
	default:
		fmt.Fprintf(os.Stderr, "neq: %v\n", err)
	}
	return code
}

// execute runs a command line. An error of cobra's, before a command begins, is one of usage.
func execute(ctx context.Context, args []string) error {
	root := newRoot()
	began := false
	for _, c := range root.Commands() {
		if work := c.RunE; work != nil {
			c.RunE = func(c *cobra.Command, args []string) error {
				began = true
				return work(c, args)
			}
		}
	}
	root.SetArgs(args)
	c, err := root.ExecuteContextC(ctx)
	if err != nil && !began && exitCode(err) == exitFailed {
		return usage("%w: see \"%s --help\"", err, c.CommandPath())
	}
	return err
}

// exitCode maps an error to what a shell or a scheduler is told.
func exitCode(err error) int {
	var u usageError
	var v *traces.Damaged
	var i *trainer.InterruptedError
	var m *traces.Mismatch
	var t *trainer.MismatchError
	var e *traces.NotEmpty
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &v):
		return exitUnverified
	case errors.As(err, &i) || errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &u) || errors.As(err, &m) || errors.As(err, &t) || errors.As(err, &e):
		return exitUsage
	}
	return exitFailed
}
