package hsm

import "runtime"

// RawOAEP is the one C_UnwrapKey of OpenRequest, without its handles: what a
// provisioning is compared with.
func RawOAEP(s *Session, private Key, blob []byte) error {
	var pin runtime.Pinner
	defer s.unpin(&pin)
	mechanism, err := s.OAEPSuite().mechanism()
	if err != nil {
		return err
	}
	w := unwrapping{mechanism: mechanism, under: private}
	if s.t.oaepLength {
		w.length = keyBytes
	}
	o, err := s.m.UnwrapKey(s.handle, mechanism, private.handle, blob, s.t.unwrapTemplate(&pin, requestS, "", w))
	if err != nil {
		return err
	}
	return s.m.DestroyObject(s.handle, o)
}
