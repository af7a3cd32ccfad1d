package command

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/server"
	"github.com/epsbench/epsbench/reference/store"
)

type auditCommand struct {
	Verify auditVerifyCommand `cmd:"" help:"Walk the chain and hold it against the anchor."`
}

type auditVerifyCommand struct {
	configFlag
	Node string `help:"Node whose chain to verify; every node that the database knows where left out."`
}

// Run opens the audit only after looking: a chain that is broken must be shown, not
// refused at the door.
func (c *auditVerifyCommand) Run(ctx context.Context, p *Program) error {
	e, err := p.openParts(ctx, c.Config)
	if err != nil {
		return err
	}
	return errors.Join(c.verify(ctx, p, e), e.close())
}

func (c *auditVerifyCommand) verify(ctx context.Context, p *Program, e *eps) (err error) {
	if e.keys, err = keys.Open(ctx, e.hsm, e.store); err != nil {
		return unusable{fmt.Errorf("keys: %w", err)}
	}
	nodes, err := e.nodes(ctx, c.Node)
	if err != nil {
		return unusable{fmt.Errorf("audit: %w", err)}
	}
	for _, node := range nodes {
		report, err := e.verifyAudit(ctx, node)
		if err != nil {
			return unusable{fmt.Errorf("audit: %w", err)}
		}
		if report.Problem != nil {
			return &reference.Hint{Err: fmt.Errorf("node %s: %w", node, report.Problem), Text: "keep database and anchor as they are; find out who could write to them"}
		}
		if c.Node != "" && report.Records == 0 && report.Anchored == 0 {
			return &reference.Hint{Err: fmt.Errorf("node %s: %w in database and anchor", node, reference.ErrNotFound), Text: "leave --node out to verify every node that the database knows"}
		}
		p.say("node %s: %d records in %d groups are whole, %d groups compared with the anchor", node, report.Records, report.Groups, report.Anchored)
	}
	if err := server.SealAudit(ctx, e.config, e.hsm, e.keys, e.store, nil); err != nil {
		return err
	}
	return e.record(ctx, "audit-verified", "", "nodes", nodes)
}

// nodes are those whose chains to verify: the one that is asked for, or this one and all
// that have left something in the database.
func (e *eps) nodes(ctx context.Context, only string) (nodes []string, err error) {
	if only != "" {
		return []string{only}, nil
	}
	err = e.store.View(ctx, func(tx store.Reader) error {
		nodes, err = tx.AuditNodes()
		return err
	})
	if !slices.Contains(nodes, e.config.Node) {
		nodes = append(nodes, e.config.Node)
	}
	return nodes, err
}

func (e *eps) verifyAudit(ctx context.Context, node string) (audit.Report, error) {
	return audit.Verify(ctx, e.store, node, server.AuditMAC(e.hsm, e.keys), audit.FileAnchor(e.config.Audit.Anchor))
}
