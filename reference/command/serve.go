package command

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/epsbench/epsbench/reference/server"
)

// logFlags are shared by what runs for long.
type logFlags struct {
	Log       slog.Level `help:"Least level of log lines: debug, info, warn or error." default:"info"`
	LogFormat string     `help:"Form of log lines: json, text, or auto: text on a terminal." enum:"auto,json,text" default:"auto"`
}

// logger writes to standard error. The server adds trace ids.
func (f logFlags) logger(p *Program) *slog.Logger {
	options := &slog.HandlerOptions{Level: f.Log}
	if f.LogFormat == "text" || f.LogFormat == "auto" && isTerminal(p.Stderr) {
		return slog.New(slog.NewTextHandler(p.Stderr, options))
	}
	return slog.New(slog.NewJSONHandler(p.Stderr, options))
}

type serveCommand struct {
	configFlag
	logFlags
}

// closeTime bounds what is left to do when a server has ended.
const closeTime = 10 * time.Second

func (c *serveCommand) Run(ctx context.Context, p *Program) error {
	config, err := server.Load(c.Config, p.Environ)
	if err != nil {
		return err
	}
	s, err := server.New(ctx, config, server.Parts{Log: c.logger(p), Modules: p.Modules})
	if err != nil {
		return unusable{err}
	}
	return p.runServer(ctx, s, "bank", "public", "operations")
}

// running is a server of either kind.
type running interface {
	Serve(context.Context) error
	Close(context.Context) error
	Addr(listener string) string
}

// runServer serves until ctx ends.
func (p *Program) runServer(ctx context.Context, s running, listeners ...string) error {
	for _, l := range listeners {
		if address := s.Addr(l); address != "" {
			p.say("%-10s %s", l, address)
		}
	}
	err := s.Serve(ctx)
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	return errors.Join(err, s.Close(patience))
}
