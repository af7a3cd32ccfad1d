package token

import (
	"bytes"
	"slices"

	"github.com/miekg/pkcs11"
)

// FindObjectsInit is C_FindObjectsInit. What it finds is settled here; handles
// come ascending.
func (t *Token) FindObjectsInit(sh pkcs11.SessionHandle, temp []*pkcs11.Attribute) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	if s.search.active {
		return rv(pkcs11.CKR_OPERATION_ACTIVE)
	}
	want := make([]attribute, 0, len(temp))
	for _, a := range temp {
		if a == nil {
			return rv(pkcs11.CKR_ARGUMENTS_BAD)
		}
		want = append(want, attribute{a.Type, bytes.Clone(a.Value)})
	}
	if err := s.slot.lockedRefresh(); err != nil {
		return err
	}
	s.search = search{active: true, found: s.slot.find(want)}
	return nil
}

func (sl *slot) lockedRefresh() error {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	return sl.refresh()
}

func (sl *slot) find(want []attribute) []pkcs11.ObjectHandle {
	var found []pkcs11.ObjectHandle
	judge := func(o *object) {
		if sl.sees(o) && o.matches(want) {
			found = append(found, pkcs11.ObjectHandle(o.handle))
		}
	}
	candidates, ok := sl.index.lookup(want)
	if !ok {
		sl.token.objects.each(judge)
		return found
	}
	slices.Sort(candidates)
	for _, h := range candidates {
		if o := sl.token.objects.get(h); o != nil {
			judge(o)
		}
	}
	return found
}

// FindObjects is C_FindObjects. The bool tells whether there are more.
func (t *Token) FindObjects(sh pkcs11.SessionHandle, max int) ([]pkcs11.ObjectHandle, bool, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, false, err
	}
	defer s.leave()
	if !s.search.active {
		return nil, false, rv(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	}
	if max < 1 {
		return nil, false, rv(pkcs11.CKR_ARGUMENTS_BAD)
	}
	n := min(max, len(s.search.found))
	out := s.search.found[:n:n]
	s.search.found = s.search.found[n:]
	return out, len(s.search.found) > 0, nil
}

// FindObjectsFinal is C_FindObjectsFinal.
func (t *Token) FindObjectsFinal(sh pkcs11.SessionHandle) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	if !s.search.active {
		return rv(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	}
	s.search = search{}
	return nil
}
