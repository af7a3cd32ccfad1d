package sql

import (
	"errors"

	"github.com/epsbench/epsbench/reference"
)

const (
	updateRefusals = "UPDATE refusals SET counted = counted + 1 WHERE slot = ?"
	insertRefusals = "INSERT INTO refusals (slot, counted) VALUES (?, 1)"
)

// CountRefusal implements store.AuthTx.
func (t authTx) CountRefusal(slot int) error {
	n, err := t.write(updateRefusals, slot)
	if err != nil || n > 0 {
		return err
	}
	_, err = t.write(insertRefusals, slot)
	if errors.Is(err, reference.ErrExists) { // another node was first, and has committed
		_, err = t.write(updateRefusals, slot)
	}
	return err
}
