package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/conformance"
)

// screen shows a run while it works: one live line on a terminal, plain lines
// elsewhere (a pipe, NO_COLOR, CI). Its methods are called one at a time.
type screen struct {
	out     io.Writer
	live    bool
	colour  bool
	width   int
	app     *app
	config  run.Config
	headed  bool
	running []*progress
}

// progress is one job under way.
type progress struct {
	job    run.Job
	claims map[string]bool // judged so far
	last   string          // title of the claim that was judged last
}

func newScreen(a *app, c run.Config) *screen {
	s := &screen{out: a.out, app: a, config: c, width: 80}
	f, ok := a.out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("NO_COLOR") != "" || os.Getenv("CI") != "" || os.Getenv("TERM") == "dumb" {
		return s
	}
	s.live, s.colour = true, true
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		s.width = w
	}
	return s
}

// prepare says what may take a while before anything is judged.
func (s *screen) prepare() {
	if s.config.Options.Store == "mariadb" {
		s.print("starting a MariaDB server; where its image is not there yet, it is built once, in about 90 s\n")
	}
	s.status("preparing the target")
}

// watch takes the events of a run.
func (s *screen) watch(e run.Event) {
	switch {
	case e.Record != nil:
		s.record(e.Job, *e.Record)
	case e.Outcome != nil:
		s.ended(*e.Outcome)
	default:
		s.running = append(s.running, &progress{job: e.Job, claims: map[string]bool{}})
	}
	s.draw()
}

func (s *screen) find(job run.Job) *progress {
	for _, p := range s.running {
		if p.job.Name == job.Name {
			return p
		}
	}
	return nil
}

func (s *screen) record(job run.Job, r run.Record) {
	if r.Opened != nil && !s.headed {
		s.headed = true
		s.head(*r.Opened)
	}
	p := s.find(job)
	if p == nil || r.Result == nil {
		return
	}
	p.claims[r.Result.Claim] = true
	if c, ok := s.app.Claim(r.Result.Claim); ok {
		p.last = c.Title
	}
}

// head says what is judged.
func (s *screen) head(id conformance.Identity) {
	words := []string{strings.TrimSpace(id.Name + " " + id.Version), id.HSM["kind"], before("as ", id.HSM["personality"]),
		before("held against ", id.HSM["held against"]), before("fault ", id.HSM["fault"]), id.Store["engine"],
		"profile " + string(s.config.Options.Profile), fmt.Sprintf("seed %d", s.config.Options.Seed)}
	if s.config.Focus != "" {
		words = append(words, "partial: "+s.config.Focus)
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	s.print("%s\n\n", strings.Join(words, " · "))
}

// before puts a word before another, where there is one.
func before(word, other string) string {
	if other == "" {
		return ""
	}
	return word + other
}

func (s *screen) ended(o run.Outcome) {
	s.running = slices.DeleteFunc(s.running, func(p *progress) bool { return p.job.Name == o.Job.Name })
	if s.live || o.Unusable != nil {
		return // the error says it
	}
	how := "done"
	if o.Death != "" {
		how = o.Death
	}
	s.print("  %s: %d %s in %.1f s, %s\n", cmp.Or(o.Job.Options.Mutant, o.Job.Name), len(o.Results), many(len(o.Results), "case", 0), o.Seconds, how)
}

// draw renews the live line.
func (s *screen) draw() {
	if !s.live {
		return
	}
	var parts []string
	for _, p := range s.running {
		part := fmt.Sprintf("%s %d/%d", cmp.Or(p.job.Options.Mutant, p.job.Name), len(p.claims), p.job.Claims)
		if p.last != "" {
			part += " " + p.last
		}
		parts = append(parts, part)
	}
	for i := range parts {
		parts[i] = cut(parts[i], max(20, (s.width-2)/len(parts)-3))
	}
	s.status(strings.Join(parts, "   "))
}

func (s *screen) status(text string) {
	if s.live {
		fmt.Fprintf(s.out, "\r\x1b[K%s", s.paint(dim, cut(text, s.width-1)))
	}
}

// clear takes the live line away.
func (s *screen) clear() {
	if s.live {
		fmt.Fprint(s.out, "\r\x1b[K")
	}
}

// print writes above the live line.
func (s *screen) print(format string, args ...any) {
	s.clear()
	fmt.Fprintf(s.out, format, args...)
}

// rest is what a line has room for after an indentation; where there is no terminal,
// lines are as long as a reader bears.
func (s *screen) rest(indentation int) int {
	if !s.live {
		return 300
	}
	return s.width - indentation
}

// Colours of the terminal.
const (
	dim   = "2"
	green = "32"
	red   = "31"
	amber = "33"
)

func (s *screen) paint(colour, text string) string {
	if !s.colour || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// cut shortens text to n characters.
func cut(text string, n int) string {
	r := []rune(oneLine(text))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:max(n-1, 0)]) + "…"
}
