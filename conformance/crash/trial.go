package crash

import (
	"context"
	"fmt"

	"github.com/epsbench/epsbench/conformance"
)

// trial is one try at one point.
type trial struct {
	*campaign
	point conformance.FaultPoint
	kills int
	heard bool // the caller was answered, so that all must be there
}

// trials are the operations: each prepares, kills, and says what is there.
var trials = map[conformance.Operation]func(*trial, context.Context) (outcome, error){
	conformance.DuringEnrolment:    (*trial).enrolment,
	conformance.DuringCancellation: (*trial).cancellation,
	conformance.DuringProvisioning: (*trial).provisioning,
	conformance.DuringWrongCode:    (*trial).wrongCode,
	conformance.DuringValidation:   (*trial).validation,
	conformance.DuringWrongOTP:     (*trial).wrongOTP,
	conformance.DuringRevocation:   (*trial).revocation,
	conformance.DuringActivation:   (*trial).activation,
}

// run makes the trial. A target that does not come back is in violation once for each.
func (k *trial) run(ctx context.Context) (outcome, error) {
	if k.down != nil {
		return "", k.down
	}
	try := trials[k.point.Operation]
	if try == nil {
		return "", fmt.Errorf("nothing is known of the operation %q", k.point.Operation)
	}
	return try(k, ctx)
}

// kill has the server die while do runs, and comes back when it is there again and both
// sides have said what they had to say. do keeps for itself what it was answered.
func (k *trial) kill(ctx context.Context, do func()) error {
	if err := k.target.Arm(ctx, k.point); err != nil {
		return err
	}
	do()
	if err := k.dead(ctx); err != nil {
		return err
	}
	return k.recover(ctx)
}

// dead waits for the kill.
func (k *trial) dead(ctx context.Context) error {
	if err := k.target.Dead(ctx); err != nil {
		return fmt.Errorf("%s: %w", k.point, err)
	}
	k.kills++
	return nil
}

// revive starts the server that is gone, armed at its start if p is not nil.
func (k *trial) revive(ctx context.Context, p *conformance.FaultPoint) error {
	if err := k.target.Revive(ctx, p); err != nil {
		k.down = violated("the server does not start again: %v", err)
		return k.down
	}
	return nil
}

// recover starts what is gone, has all messages sent that wait, and the audit verified.
func (k *trial) recover(ctx context.Context) error {
	if err := k.revive(ctx, nil); err != nil {
		return err
	}
	if err := k.target.Settle(ctx); err != nil {
		return violated("messages still wait for the authentication server: %v", err)
	}
	if err := k.target.VerifyAudit(ctx); err != nil {
		return violated("the audit does not verify: %v", err)
	}
	return nil
}
