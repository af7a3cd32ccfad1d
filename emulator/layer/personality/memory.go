package personality

import (
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// memory is what a layer has seen that rules ask for.
type memory struct {
	remembers bool // some rule asks
	mu        sync.Mutex
	runs      map[run]uint // mechanisms
	makers    map[pkcs11.ObjectHandle]cryptoki.Function
	sessions  *sessions // nil without a limit
	deedState
}

// run is an operation of a session, by the function that began it.
type run struct {
	session pkcs11.SessionHandle
	begun   cryptoki.Function
}

// begins names, of functions that go on with an operation, the one that began it.
var begins = [256]cryptoki.Function{
	cryptoki.Encrypt: cryptoki.EncryptInit, cryptoki.EncryptUpdate: cryptoki.EncryptInit, cryptoki.EncryptFinal: cryptoki.EncryptInit,
	cryptoki.Decrypt: cryptoki.DecryptInit, cryptoki.DecryptUpdate: cryptoki.DecryptInit, cryptoki.DecryptFinal: cryptoki.DecryptInit,
	cryptoki.Digest: cryptoki.DigestInit, cryptoki.DigestUpdate: cryptoki.DigestInit, cryptoki.DigestFinal: cryptoki.DigestInit,
	cryptoki.Sign: cryptoki.SignInit, cryptoki.SignUpdate: cryptoki.SignInit, cryptoki.SignFinal: cryptoki.SignInit,
	cryptoki.Verify: cryptoki.VerifyInit, cryptoki.VerifyUpdate: cryptoki.VerifyInit, cryptoki.VerifyFinal: cryptoki.VerifyInit,
}

// remembering makes the layer note what a rule will ask for.
func (m *memory) remembering(c *compiled, f cryptoki.Function) {
	if begins[f] != 0 && len(c.mechanisms) > 0 || c.key.madeBy != nil {
		m.remembers = true
	}
	if m.runs == nil {
		m.runs, m.makers = map[run]uint{}, map[pkcs11.ObjectHandle]cryptoki.Function{}
	}
}

// most keys and operations that are remembered: what is older than so many is forgotten all
// at once, and rules about it hold no more.
const most = 1 << 16

// noted tells whether note has to see the calls of f.
func noted(f cryptoki.Function) bool {
	return flags[f] != 0 || f == cryptoki.DestroyObject || f == cryptoki.CreateObject || f == cryptoki.CopyObject
}

func (m *memory) note(c *cryptoki.Call, err error) {
	if err != nil || !noted(c.Function) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case flags[c.Function] != 0 && len(c.Mechanism) == 1 && c.Mechanism[0] != nil && c.Made == 0:
		if len(m.runs) >= most {
			clear(m.runs)
		}
		m.runs[run{c.Session, c.Function}] = c.Mechanism[0].Mechanism
	case c.Made != 0:
		if len(m.makers) >= most {
			clear(m.makers)
		}
		m.makers[c.Made] = c.Function
		if from, known := m.makers[c.Object]; known && c.Function == cryptoki.CopyObject {
			m.makers[c.Made] = from
		}
	case c.Function == cryptoki.DestroyObject:
		delete(m.makers, c.Object)
	}
}

// running is the mechanism of the operation that a call goes on with; 0 for none.
func (m *memory) running(c *cryptoki.Call) uint {
	begun := begins[c.Function]
	if begun == 0 {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.runs[run{c.Session, begun}]
}

// maker is the function that a key came from; the zero Function where it is not known.
func (m *memory) maker(key pkcs11.ObjectHandle) cryptoki.Function {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.makers[key]
}
