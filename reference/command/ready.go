package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/server"
)

// readyCommand is what an orchestrator asks every few seconds: it opens no HSM and no
// database of its own, which `doctor` does, and leaves no record.
type readyCommand struct{ configFlag }

// Run is called by kong.
func (c *readyCommand) Run(ctx context.Context, p *Program) error {
	config, err := server.Load(c.Config, p.Environ)
	if err != nil {
		return err
	}
	return p.askReady(ctx, config.Listeners.Operations, "eps serve")
}

type authReadyCommand struct{ authConfigFlag }

// Run is called by kong.
func (c *authReadyCommand) Run(ctx context.Context, p *Program) error {
	config, err := server.LoadAuthServer(c.Authserver, p.Environ)
	if err != nil {
		return err
	}
	return p.askReady(ctx, config.Listeners.Operations, "eps authserver serve")
}

// readyTime bounds the question. A part has less (server), so that the answer names it.
const readyTime = 10 * time.Second

// askReady asks the server at the other end of a socket, and prints its parts.
func (p *Program) askReady(ctx context.Context, l server.Listener, start string) error {
	socket, is := strings.CutPrefix(l.Address, "unix:")
	if !is {
		return &reference.Hint{
			Err:  fmt.Errorf("%w: listeners.operations.address: not a Unix socket", server.ErrConfig),
			Text: "ask the address with a client certificate: GET /ready",
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	answer, err := getOver(ctx, socket, "/ready")
	if err != nil {
		return unusable{&reference.Hint{Err: err, Text: "start the server with: " + start}}
	}
	defer answer.Body.Close()
	return p.tellReady(answer)
}

// getOver makes a GET request over a Unix socket.
func getOver(ctx context.Context, socket, path string) (*http.Response, error) {
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://operations"+path, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(request)
}

// maxReady bounds what is read of an answer, in bytes.
const maxReady = 16 << 10

func (p *Program) tellReady(answer *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxReady))
	if err != nil {
		return unusable{err}
	}
	if answer.StatusCode != http.StatusOK {
		var refused problem.Problem
		if json.Unmarshal(body, &refused) != nil {
			return fmt.Errorf("not ready: status %d", answer.StatusCode)
		}
		return errors.New("not ready: " + refused.Error())
	}
	var parts struct {
		Checks []api.Check `json:"checks"`
	}
	if err := json.Unmarshal(body, &parts); err != nil {
		return unusable{err}
	}
	for _, c := range parts.Checks {
		p.say("ok  %s", c.Name)
	}
	return nil
}
