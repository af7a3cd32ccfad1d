package sql

import (
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

const (
	challengeColumns = "id, token, question, client_question, session, asked, used, expires, kept_until, mac"
	insertChallenge  = "INSERT INTO challenges (" + challengeColumns + ") VALUES (?,?,?,?,?,?,?,?,?,?)"
	selectChallenge  = "SELECT " + challengeColumns + " FROM challenges WHERE id = ?"
	useChallenge     = "UPDATE challenges SET used = 1, mac = ? WHERE id = ? AND used = 0"
	forgetChallenges = "DELETE FROM challenges WHERE kept_until < ?"
)

func scanChallenge(row scanner) (c store.Challenge, err error) {
	var expires, kept int64
	err = row.Scan(&c.ID, &c.Token, &c.Question, &c.Client, &c.Session, &c.Asked, &c.Used, &expires, &kept, &c.MAC)
	c.Asked, c.MAC = orNil(c.Asked), orNil(c.MAC)
	c.Expires, c.KeptUntil = fromMicros(expires), fromMicros(kept)
	return c, err
}

// Challenge implements store.AuthReader.
func (t authTx) Challenge(id string) (store.Challenge, error) {
	return get(t.turn, scanChallenge, selectChallenge, id)
}

// InsertChallenge implements store.AuthTx.
func (t authTx) InsertChallenge(c store.Challenge) error {
	_, err := t.write(insertChallenge, c.ID, c.Token, c.Question, c.Client, c.Session, bytes(c.Asked), c.Used,
		micros(c.Expires), micros(c.KeptUntil), bytes(c.MAC))
	return err
}

// UseChallenge implements store.AuthTx.
func (t authTx) UseChallenge(c store.Challenge) error {
	if !c.Used {
		return reference.ErrConflict
	}
	return changed(t.write(useChallenge, bytes(c.MAC), c.ID))
}

// ForgetChallenges implements store.AuthTx.
func (t authTx) ForgetChallenges(keptUntil time.Time) error {
	_, err := t.write(forgetChallenges, micros(keptUntil))
	return err
}
