package target

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/epsbench/epsbench/bench/target/fault"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/reference/server"
)

// divided is a system whose servers are processes of their own.
type divided struct {
	*system
	pinned  conformance.Pinned
	servers map[string]*process
	armed   string // the server that is to die; empty: none
}

// Divide starts both servers again, each in a process of its own.
func (s *system) Divide(ctx context.Context) (conformance.Divided, error) {
	d := &divided{system: s, pinned: s.Pinned(), servers: map[string]*process{}}
	id := s.Identity()
	s.former = &id
	if err := errors.Join(s.stop(ctx), s.stores.close()); err != nil {
		return nil, fmt.Errorf("stop: %w", err)
	}
	s.hasty = true
	var err error
	if s.fixed, err = freeAddresses(s.host); err != nil {
		return nil, err
	}
	if err := s.clients.open(s); err != nil {
		return nil, err
	}
	s.divided = d
	for _, name := range []string{"authserver", "eps"} { // the EPS asks nothing of the other while it starts
		if err := d.start(ctx, name, ""); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// hasten makes an EPS cheap to try out many times: an easy KDF, two wrong codes kill one, and
// no address is slowed down.
func hasten(c *server.Config) {
	c.KDF.Iterations, c.Code.Failures = 1_000, 2
	c.Limits.SourceRate, c.Limits.SourceBurst = 1_000, 1_000
}

// hastenAuthServer lets refused OTPs wait for less.
func hastenAuthServer(c *server.AuthServerConfig) { c.Validation.Grid = 5 * time.Millisecond }

// ownHost draws a loopback address that nothing else uses, so that a port on it is still
// free when a server comes back.
func ownHost() string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return net.IPv4(127, 64|b[0]&63, b[1], 1|b[2]&0x7e).String()
}

// freeAddresses gives each listener a port of host.
func freeAddresses(host string) (map[string]string, error) {
	fixed := map[string]string{}
	for _, name := range []string{"bank", "public", "operations", "plugin", "auth"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // all at the end: no port twice
		fixed[name] = l.Addr().String()
	}
	return fixed, nil
}

// start starts a server, armed if point is not empty. One that dies there, as it should,
// is no error.
func (d *divided) start(ctx context.Context, name, point string) error {
	p, err := startProcess(serverJob{
		Server: name, Name: d.name, Profile: d.profile, Options: d.options, Driver: d.stores.driver, DSNs: d.stores.dsns, Fixed: d.fixed, Arm: point, Activation: d.activation,
	})
	if err != nil {
		return err
	}
	if old := d.servers[name]; old != nil {
		_ = old.end() // it is dead
	}
	d.servers[name] = p
	err = p.reply(ctx)
	if err != nil && point != "" && p.killed() {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// end ends both processes.
func (d *divided) end() error {
	var err error
	for _, p := range d.servers {
		err = errors.Join(err, p.end())
	}
	d.clients.close()
	return err
}

// Pinned is what it was before: keys do not change.
func (d *divided) Pinned() conformance.Pinned { return d.pinned }

// Points implements conformance.Divided.
func (d *divided) Points() []conformance.FaultPoint { return fault.Points() }

// Arm implements conformance.Divided.
func (d *divided) Arm(ctx context.Context, p conformance.FaultPoint) error {
	d.armed = p.Server
	return d.servers[p.Server].order(ctx, order{Do: "arm", Point: p.Name})
}

// deathTime is how long a server may live after all that was to bring it to its point.
const deathTime = 5 * time.Second

// Dead implements conformance.Divided.
func (d *divided) Dead(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deathTime)
	defer cancel()
	p := d.servers[d.armed]
	select {
	case <-p.done:
		if p.killed() {
			return nil
		}
		return fmt.Errorf("%s ended by itself: %s", d.armed, p.cmd.ProcessState)
	case <-ctx.Done():
		return errors.Join(conformance.ErrNotReached, p.order(context.WithoutCancel(ctx), order{Do: "arm"}))
	}
}

// Revive implements conformance.Divided.
func (d *divided) Revive(ctx context.Context, p *conformance.FaultPoint) error {
	name, point := d.armed, ""
	if p != nil {
		if p.Server != name {
			return fmt.Errorf("%s is gone, not %s", name, p.Server)
		}
		point = p.Name
	}
	return d.start(ctx, name, point)
}

// settleTries are for a connection to the authentication server that has died with it.
const settleTries = 3

// Settle implements conformance.Divided.
func (d *divided) Settle(ctx context.Context) (err error) {
	for range settleTries {
		if err = d.servers["eps"].order(ctx, order{Do: "settle"}); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// VerifyAudit has the EPS compare its audit with the anchor.
func (d *divided) VerifyAudit(ctx context.Context) error {
	return d.servers["eps"].order(ctx, order{Do: "verify"})
}
