// Package console is what a person sees while neq works: a progress bar on a terminal, a log line now and then
// where there is none, and numbers printed as people read them.
package console

import (
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Options say where and how progress is shown.
type Options struct {
	Quiet bool          // show nothing at all
	Out   io.Writer     // default os.Stderr; a bar is drawn if it is a terminal
	Log   *slog.Logger  // gets a line now and then where there is no terminal; nil: no lines
	Every time.Duration // between log lines, default 10 s
	Unit  string        // of the rate: "neuron-s", "bio-s"; default "steps"
	Scale float64       // units a step: seconds of biology in a sample, say; default 1
	Done  int64         // steps done by an earlier run: they count for the bar, not for the rate
}

// Progress is one piece of work going on. A nil Progress is valid and shows nothing. Safe for concurrent use.
type Progress struct {
	mu            sync.Mutex
	o             Options
	title, text   string
	done, total   int64
	start, logged time.Time
	drawn         time.Time
	bar           *progressbar.ProgressBar // nil where there is no terminal
	ended         bool
	now           func() time.Time
}

// Start begins a piece of work of so many steps.
func Start(title string, total int64, o Options) *Progress {
	if o.Out == nil {
		o.Out = os.Stderr
	}
	return start(title, total, o, IsTerminal(o.Out), time.Now)
}

// IsTerminal tells whether w is a terminal a bar can be drawn on.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

func start(title string, total int64, o Options, terminal bool, now func() time.Time) *Progress {
	if o.Quiet {
		return nil
	}
	if o.Every == 0 {
		o.Every = 10 * time.Second
	}
	if o.Unit == "" {
		o.Unit = "steps"
	}
	if o.Scale == 0 {
		o.Scale = 1
	}
	p := &Progress{o: o, title: title, done: o.Done, total: max(total, 0), start: now(), now: now}
	p.logged = p.start
	if terminal {
		p.bar = progressbar.NewOptions64(barSteps,
			progressbar.OptionSetWriter(o.Out),
			progressbar.OptionSetWidth(barWidth), // less where the terminal is narrow
			progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionUseANSICodes(true),
			progressbar.OptionSetTheme(progressbar.Theme{
				Saucer: "█", SaucerPadding: "░", BarStart: title + " ", BarEnd: "",
			}))
		p.draw()
	}
	return p
}

// Add counts n more steps as done.
func (p *Progress) Add(n int64) {
	if p != nil {
		p.update(func() { p.done += n })
	}
}

// Set says how many steps are done in all.
func (p *Progress) Set(n int64) {
	if p != nil {
		p.update(func() { p.done = n })
	}
}

// Text sets what is shown at the right: "loss 0.031 AUC 0.993".
func (p *Progress) Text(s string) {
	if p != nil {
		p.update(func() { p.text = s })
	}
}

// End closes the bar, leaving its last state on the screen. Further calls do nothing.
func (p *Progress) End() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.ended = true
	if p.bar != nil {
		p.draw()
		p.bar.Exit()
		io.WriteString(p.o.Out, "\n")
	}
}

func (p *Progress) update(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	change()
	if p.bar != nil {
		p.draw()
		return
	}
	if p.o.Log == nil || p.now().Sub(p.logged) < p.o.Every {
		return
	}
	p.logged = p.now()
	attrs := []any{"done", p.done, "of", p.total, "rate", Rate(p.rate()*p.o.Scale) + " " + p.o.Unit + "/s"}
	if left, ok := p.left(); ok {
		attrs = append(attrs, "left", Duration(left))
	}
	if p.text != "" {
		attrs = append(attrs, "status", p.text)
	}
	p.o.Log.Info(p.title, attrs...)
}

const (
	barSteps = 1000
	redraw   = 100 * time.Millisecond

	// In columns. A line that wraps cannot be redrawn in place.
	barWidth  = 24
	barMargin = 10 // percentage and blanks
	textWidth = 24 // kept for the text when both do not fit
)

// width is that of the terminal in columns.
func (p *Progress) width() int {
	if f, ok := p.o.Out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

// fit cuts what does not fit into so many columns.
func fit(s string, columns int) string {
	r := []rune(s)
	if len(r) <= columns {
		return s
	}
	return string(r[:max(columns, 0)])
}

// draw shows the bar, ten times a second at most; it is best effort: work does not stop because a terminal went
// away. The library ignores a full bar's later changes, so the bar is full only once it has ended.
func (p *Progress) draw() {
	now := p.now()
	if !p.ended && now.Sub(p.drawn) < redraw {
		return
	}
	p.drawn = now
	full := int64(barSteps - 1)
	if p.ended {
		full = barSteps
	}
	room := p.width() - len([]rune(p.title)) - barMargin
	p.bar.Describe(fit(p.line(), max(room-barWidth, min(room, textWidth))))
	_ = p.bar.Set64(min(full, int64(barSteps*float64(max(p.done, 0))/float64(max(p.total, 1)))))
}

// line is the text at the right of the bar.
func (p *Progress) line() string {
	s := ""
	if p.done > p.o.Done {
		s = Rate(p.rate()*p.o.Scale) + " " + p.o.Unit + "/s"
	}
	if p.ended {
		s = join(s, Duration(p.now().Sub(p.start)))
	} else if left, ok := p.left(); ok {
		s = join(s, Duration(left)+" left")
	}
	return join(p.text, s)
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "  " + b
}

// rate is in steps per second, over this run.
func (p *Progress) rate() float64 {
	if s := p.now().Sub(p.start).Seconds(); s > 0 {
		return float64(p.done-p.o.Done) / s
	}
	return 0
}

// left is the time the rest takes at the rate so far; not known before the first step.
func (p *Progress) left() (time.Duration, bool) {
	r := p.rate()
	if r <= 0 || p.done >= p.total {
		return 0, false
	}
	s := float64(p.total-p.done) / r
	if s > 1e7 { // about four months: no prediction worth showing
		return 0, false
	}
	return time.Duration(s * float64(time.Second)), true
}
