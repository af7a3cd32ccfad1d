package mutants

import (
	"bytes"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// firstMAC gives the first MAC of a message also where it is asked for a second one, under
// the same key.
type firstMAC struct {
	cryptoki.Module
	mu    sync.Mutex
	keys  map[pkcs11.SessionHandle]pkcs11.ObjectHandle
	given map[pkcs11.ObjectHandle][2][]byte // the last message and its MAC
}

func (f *firstMAC) SignInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle) error {
	f.mu.Lock()
	f.keys[sh] = key
	f.mu.Unlock()
	return f.Module.SignInit(sh, m, key)
}

func (f *firstMAC) Sign(sh pkcs11.SessionHandle, message []byte) ([]byte, error) {
	mac, err := f.Module.Sign(sh, message)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := f.keys[sh]
	if last := f.given[key]; bytes.Equal(last[0], message) && len(last[1]) == len(mac) {
		return bytes.Clone(last[1]), nil
	}
	f.given[key] = [2][]byte{bytes.Clone(message), bytes.Clone(mac)}
	return mac, nil
}
