package command

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/epsbench/epsbench/reference/server"
)

// logFlag is shared by what runs for long.
type logFlag struct {
	Log string `help:"Least level of log lines: debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
}

func (f logFlag) logger(p *Program) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.Log)); err != nil { // kong has checked it
		level = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(p.Stderr, &slog.HandlerOptions{Level: level}))
}

type serveCommand struct {
	configFlag
	logFlag
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
		p.say("%-10s %s", l, s.Addr(l))
	}
	err := s.Serve(ctx)
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	return errors.Join(err, s.Close(patience))
}
