package hsm

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
)

// connect finds the token and logs in on a new owner session. Everything of the login
// before is stale afterwards. The caller holds mu, or is Open.
func (h *HSM) connect() error {
	if h.locked != nil {
		return h.locked
	}
	err := h.m.Initialize()
	if err != nil && !is(err, pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		return &reference.Hint{Err: fmt.Errorf("initialise the PKCS#11 library: %w", err), Text: "is its configuration readable, and its service running?"}
	}
	slot, err := h.findSlot()
	if err != nil {
		return err
	}
	h.slot.Store(uint64(slot))
	h.owner.close()
	if err := h.owner.begin(); err != nil {
		return err
	}
	if err := h.login(); err != nil {
		return err
	}
	h.owner.generation = h.generation.Add(1)
	return nil
}

// afterRefusal is how long nobody tries again to log in to a token that did not let us in:
// it may count the tries, and every request would make one.
const afterRefusal = 200 * time.Millisecond

// login logs in on the owner session.
func (h *HSM) login() error {
	if h.refusal != nil && time.Since(h.refusedAt) < afterRefusal {
		return h.refusal
	}
	h.refusal = nil
	err := h.m.Login(h.owner.handle, pkcs11.CKU_USER, string(h.cfg.PIN.Bytes()))
	if err != nil && !is(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN) {
		h.refusal, h.refusedAt = h.refused(err), time.Now()
	}
	return h.refusal
}

// pinErrors are the answers to a PIN that trying again only makes worse.
var pinErrors = [...]struct {
	code       uint
	what, hint string
}{
	{pkcs11.CKR_PIN_INCORRECT, "wrong PIN", "check the PIN file or variable; the token locks after a few wrong tries"},
	{pkcs11.CKR_PIN_INVALID, "wrong PIN", "the PIN has characters that the token does not take"},
	{pkcs11.CKR_PIN_LEN_RANGE, "wrong PIN", "the PIN is too short or too long for the token"},
	{pkcs11.CKR_PIN_LOCKED, "the PIN is locked", "the security officer has to set a new one"},
	{pkcs11.CKR_PIN_EXPIRED, "the PIN has expired", "change it with the token's own tool"},
	{pkcs11.CKR_USER_PIN_NOT_INITIALIZED, "the user PIN is not set", "set it with the token's own tool"},
}

// refused explains a login error, and keeps the ones about the PIN: a server that
// repeats a wrong PIN with every request locks the token.
func (h *HSM) refused(err error) error {
	for _, e := range pinErrors {
		if is(err, e.code) {
			h.locked = &reference.Hint{Err: fmt.Errorf("log in to %s: %s: %w", h.name(), e.what, err), Text: e.hint}
			return h.locked
		}
	}
	return fmt.Errorf("log in to %s: %w", h.name(), err)
}

// name is how messages speak of the token.
func (h *HSM) name() string {
	switch {
	case h.cfg.Label != "":
		return fmt.Sprintf("token %q", h.cfg.Label)
	case h.cfg.Slot != nil:
		return fmt.Sprintf("slot %d", *h.cfg.Slot)
	}
	return "the token"
}

// findSlot gives the slot of the configured token: numbers of slots change when a
// library starts again, labels do not.
func (h *HSM) findSlot() (uint, error) {
	slots, err := h.m.GetSlotList(true)
	if err != nil {
		return 0, fmt.Errorf("C_GetSlotList: %w", err)
	}
	var found []uint
	var labels []string
	for _, slot := range slots {
		token, err := h.m.GetTokenInfo(slot)
		if err != nil || token.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			continue // absent or empty: not one that could be meant
		}
		labels = append(labels, fmt.Sprintf("%q", trim(token.Label)))
		if h.means(slot, trim(token.Label)) {
			found = append(found, slot)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return 0, h.notOne(len(found), labels)
}

func (h *HSM) means(slot uint, label string) bool {
	return (h.cfg.Label == "" || h.cfg.Label == label) && (h.cfg.Slot == nil || *h.cfg.Slot == slot)
}

// notOne explains why no slot, or more than one, is meant.
func (h *HSM) notOne(found int, labels []string) error {
	here := cmp.Or(strings.Join(labels, ", "), "none")
	if found == 0 {
		return &reference.Hint{
			Err:  fmt.Errorf("%s: %w", h.name(), reference.ErrNotFound),
			Text: "initialised tokens here: " + here,
		}
	}
	return &reference.Hint{
		Err:  fmt.Errorf("%s is not the only one", h.name()),
		Text: "name one by label or slot; initialised tokens here: " + here,
	}
}

// trim takes the padding off a PKCS#11 text.
func trim(s string) string { return strings.TrimRight(s, " \x00") }
