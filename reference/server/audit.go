package server

import (
	"context"
	"crypto"
	"encoding/json"
	"fmt"

	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/store"
)

// AuditMAC computes under the audit key of ring, in the HSM.
func AuditMAC(h *hsm.HSM, ring *keys.Ring) audit.MAC {
	return func(ctx context.Context, data []byte) (mac []byte, err error) {
		err = h.Do(ctx, func(s *hsm.Session) error {
			key, err := ring.Audit(ctx)
			if err != nil {
				return err
			}
			mac, err = s.KeptMAC(key, crypto.SHA256, data)
			return err
		})
		return mac, err
	}
}

// SealAudit gives st the chain of c's node, after comparing the database with its
// anchor: one that is behind is not to be worked with. A nil anchor is the file of c.
func SealAudit(ctx context.Context, c Config, h *hsm.HSM, ring *keys.Ring, st store.EPS, anchor audit.Anchor) error {
	if anchor == nil {
		anchor = audit.FileAnchor(c.Audit.Anchor)
	}
	chain := audit.New(c.Node, AuditMAC(h, ring), anchor)
	if err := chain.Open(ctx, st); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	st.SetSealer(chain)
	return nil
}

// Record writes one record of its own commit.
func Record(ctx context.Context, st store.EPS, r store.AuditRecord) error {
	if err := st.Update(ctx, func(tx store.Tx) error { return tx.Audit(r) }); err != nil {
		return fmt.Errorf("audit of %q: %w", r.Event, err)
	}
	return nil
}

// Detail is the JSON object of names and values, names sorted, for an audit record.
func Detail(pairs ...any) string {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	b, err := json.Marshal(m)
	if err != nil { // texts and numbers: cannot happen
		return "{}"
	}
	return string(b)
}
