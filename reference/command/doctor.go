package command

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/server"
)

type doctorCommand struct {
	configFlag
}

// errTrouble: the table above says which check failed.
var errTrouble = errors.New("not everything is well")

// Run makes every check, also after one has failed, and leaves a record where the
// audit is in order.
func (c *doctorCommand) Run(ctx context.Context, p *Program) error {
	config, err := server.Load(c.Config, p.Environ)
	if err != nil {
		return err
	}
	e, err := p.openParts(ctx, c.Config)
	if err != nil {
		return err
	}
	d := &doctor{eps: e, table: tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)}
	d.examine(ctx, config)
	d.table.Flush() //nolint:errcheck // the terminal
	d.strategies(p)
	if !d.well {
		return errors.Join(errTrouble, e.close())
	}
	return errors.Join(e.record(ctx, "doctor", ""), e.close())
}

// doctor prints one line a check.
type doctor struct {
	*eps
	table *tabwriter.Writer
	well  bool
}

// examine goes from what others rest on to what rests on others.
func (d *doctor) examine(ctx context.Context, c server.Config) {
	d.well = true
	token := d.hsm.Info()
	d.line("module", fmt.Sprintf("%s, token %q, serial %s", token.Library, token.Label, token.Serial), d.hsm.Healthy(ctx))
	info, err := d.store.Info(ctx)
	d.line("store", strings.TrimSpace(info.Engine+" "+info.Version), err)
	ring, err := keys.Open(ctx, d.hsm, d.store)
	d.line("keys", "found", err)
	if err == nil {
		d.keys = ring
		d.line("audit anchor", c.Audit.Anchor, server.SealAudit(ctx, c, d.hsm, ring, d.store, nil))
		d.checkAudit(ctx)
		version, err := d.paired(ctx, c.AuthServer.Name)
		d.line("pairing", fmt.Sprintf("%s, version %d", c.AuthServer.Name, version), err)
	}
	if err == nil && c.Activation.Required {
		d.line("activation", "key of tickets", d.hsm.Do(ctx, func(*hsm.Session) error { _, err := ring.Ticket(ctx); return err }))
	}
	_, err = pki.LoadRoles(c.Roles)
	d.line("roles", c.Roles, err)
	h := newHolder(c.Listeners.Operations.Address)
	d.listener(ctx, h, "bank", c.Listeners.Bank)
	d.listener(ctx, h, "public", c.Listeners.Public)
	d.listener(ctx, h, "operations", c.Listeners.Operations)
	d.peer(ctx, c.AuthServer)
}

// paired gives the version of the keys shared with an authentication server.
func (d *doctor) paired(ctx context.Context, name string) (version uint32, err error) {
	err = d.hsm.Do(ctx, func(*hsm.Session) error {
		_, version, err = d.keys.TRK(ctx, name)
		return err
	})
	return version, err
}

func (d *doctor) line(what, found string, err error) {
	if err == nil {
		fmt.Fprintf(d.table, "ok\t%s\t%s\n", what, found)
		return
	}
	d.well = false
	fmt.Fprintf(d.table, "FAIL\t%s\t%v\n", what, err)
	var hint *reference.Hint
	if errors.As(err, &hint) {
		fmt.Fprintf(d.table, "\t\t%s\n", hint.Text)
	}
}

// checkAudit walks the chain of every node that the database knows.
func (d *doctor) checkAudit(ctx context.Context) {
	nodes, err := d.nodes(ctx, "")
	if err != nil {
		d.line("audit chain", "", err)
	}
	for _, node := range nodes {
		report, err := d.verifyAudit(ctx, node)
		if err == nil && report.Problem != nil {
			err = report.Problem
		}
		d.line("audit of "+node, fmt.Sprintf("%d records in %d groups", report.Records, report.Groups), err)
	}
}

// listener checks the certificate, and whether the address is free, or who has it.
func (d *doctor) listener(ctx context.Context, h holder, name string, l server.Listener) {
	if l.Certificate != "" {
		until, err := certificate(l)
		d.line(name+" TLS", "valid until "+stamp(until), err)
	}
	who, err := h.of(ctx, l.Address)
	if err != nil {
		err = fmt.Errorf("%s: %w", l.Address, err)
	}
	d.line(name, l.Address+", "+who, err)
}

func certificate(l server.Listener) (until time.Time, err error) {
	c, err := pki.ServerTLS(l.Certificate, l.Key, l.Clients)
	if err != nil {
		return time.Time{}, err
	}
	leaf, err := x509.ParseCertificate(c.Certificates[0].Certificate[0])
	if err != nil {
		return time.Time{}, err
	}
	if time.Now().After(leaf.NotAfter) {
		err = fmt.Errorf("expired on %s", stamp(leaf.NotAfter))
	}
	return leaf.NotAfter, err
}

// dialTime bounds a look at the authentication server.
const dialTime = 2 * time.Second

// peer asks the authentication server for anything, under the EPS's own certificate.
func (d *doctor) peer(ctx context.Context, c server.Peer) {
	d.line("authserver", c.URL, answers(ctx, c))
}

func answers(ctx context.Context, c server.Peer) error {
	client, err := pki.Client(c.CA, c.Certificate, c.Key)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return &reference.Hint{Err: err, Text: "enrolments fail while it does not answer; start it with: eps authserver serve"}
	}
	return answer.Body.Close()
}

// strategies prints how the token does each operation.
func (d *doctor) strategies(p *Program) {
	w := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nHSM operation\tstrategy\twhy")
	for _, c := range d.hsm.Choices() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.Operation, c.Strategy, c.Why)
	}
	w.Flush() //nolint:errcheck // the terminal
}
