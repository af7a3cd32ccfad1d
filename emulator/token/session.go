package token

import (
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// session serves one call at a time: mu is held while it does.
type session struct {
	handle uint
	slot   *slot
	rw     bool

	mu                         sync.Mutex
	closed                     bool
	encrypt                    cipherRun
	decrypt                    cipherRun
	sign                       hashRun
	verify                     hashRun
	digest                     hashRun
	signRecover, verifyRecover recoverRun
	search                     search
	begun                      uint64 // operations so far

	ownedMu sync.Mutex
	owned   map[uint]struct{} // session objects
}

// search is what C_FindObjectsInit found and C_FindObjects has not told yet.
type search struct {
	active bool
	found  []pkcs11.ObjectHandle
}

// cipherRun is an encryption or decryption in progress.
type cipherRun struct {
	cipher mechanism.Cipher // nil: none
	parts  bool             // an Update came
	key    *object
	login  uint64
	proof  proof
	space  mechanism.Space
}

func (r *cipherRun) end() { r.cipher, r.parts, r.key = nil, false, nil }

// hashRun is a signature, verification or digest in progress.
type hashRun struct {
	active bool
	parts  bool
	single bool // takes no parts
	key    *object
	login  uint64
	proof  proof
	mechanism.Hashing
}

// enter finds a session and holds it until leave.
func (t *Token) enter(sh pkcs11.SessionHandle) (*session, error) {
	if !t.running.Load() {
		return nil, rv(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	}
	s := t.sessions.get(uint(sh))
	if s == nil {
		return nil, rv(pkcs11.CKR_SESSION_HANDLE_INVALID)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, rv(pkcs11.CKR_SESSION_HANDLE_INVALID)
	}
	return s, nil
}

func (s *session) leave() { s.mu.Unlock() }

func (s *session) own(handle uint) {
	s.ownedMu.Lock()
	defer s.ownedMu.Unlock()
	if s.owned == nil {
		s.owned = make(map[uint]struct{})
	}
	s.owned[handle] = struct{}{}
}

func (s *session) disown(handle uint) {
	s.ownedMu.Lock()
	defer s.ownedMu.Unlock()
	delete(s.owned, handle)
}

// state is CK_STATE: who is logged in, and whether the session may write.
func (s *session) state() uint {
	switch role := s.slot.role(); {
	case role == securityOfficer:
		return pkcs11.CKS_RW_SO_FUNCTIONS
	case role == user && s.rw:
		return pkcs11.CKS_RW_USER_FUNCTIONS
	case role == user:
		return pkcs11.CKS_RO_USER_FUNCTIONS
	case s.rw:
		return pkcs11.CKS_RW_PUBLIC_SESSION
	}
	return pkcs11.CKS_RO_PUBLIC_SESSION
}

// OpenSession is C_OpenSession. CKF_SERIAL_SESSION is required.
func (t *Token) OpenSession(slotID uint, flags uint) (pkcs11.SessionHandle, error) {
	sl, err := t.slot(slotID)
	if err != nil {
		return 0, err
	}
	if flags&pkcs11.CKF_SERIAL_SESSION == 0 {
		return 0, rv(pkcs11.CKR_SESSION_PARALLEL_NOT_SUPPORTED)
	}
	rw := flags&pkcs11.CKF_RW_SESSION != 0
	sl.mu.Lock()
	defer sl.mu.Unlock()
	switch {
	case !t.running.Load():
		return 0, rv(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	case !sl.initialised():
		return 0, rv(pkcs11.CKR_TOKEN_NOT_RECOGNIZED)
	case !rw && sl.role() == securityOfficer:
		return 0, rv(pkcs11.CKR_SESSION_READ_WRITE_SO_EXISTS)
	case t.most > 0 && len(sl.sessions) >= t.most:
		return 0, rv(pkcs11.CKR_SESSION_COUNT)
	}
	s := &session{handle: t.sessions.reserve(), slot: sl, rw: rw}
	sl.sessions[s.handle] = s
	t.sessions.put(s.handle, s)
	return pkcs11.SessionHandle(s.handle), nil
}

// CloseSession is C_CloseSession: its objects go; the last one logs out.
func (t *Token) CloseSession(sh pkcs11.SessionHandle) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	s.close()
	return nil
}

// CloseAllSessions is C_CloseAllSessions.
func (t *Token) CloseAllSessions(slotID uint) error {
	sl, err := t.slot(slotID)
	if err != nil {
		return err
	}
	sl.closeAll()
	return nil
}

func (sl *slot) closeAll() {
	for _, s := range sl.openSessions() {
		s.mu.Lock()
		if !s.closed {
			s.close()
		}
		s.mu.Unlock()
	}
}

func (sl *slot) openSessions() []*session {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	open := make([]*session, 0, len(sl.sessions))
	for _, s := range sl.sessions {
		open = append(open, s)
	}
	return open
}

// close ends a session that the caller holds.
func (s *session) close() {
	s.closed = true
	s.slot.token.sessions.remove(s.handle, s)
	s.ownedMu.Lock()
	owned := s.owned
	s.owned = nil
	s.ownedMu.Unlock()
	for h := range owned {
		s.slot.token.forget(h)
	}
	s.slot.mu.Lock()
	defer s.slot.mu.Unlock()
	delete(s.slot.sessions, s.handle)
	if len(s.slot.sessions) == 0 {
		s.slot.logout()
	}
}

// GetSessionInfo is C_GetSessionInfo.
func (t *Token) GetSessionInfo(sh pkcs11.SessionHandle) (pkcs11.SessionInfo, error) {
	s, err := t.enter(sh)
	if err != nil {
		return pkcs11.SessionInfo{}, err
	}
	defer s.leave()
	info := pkcs11.SessionInfo{SlotID: s.slot.id, State: s.state(), Flags: pkcs11.CKF_SERIAL_SESSION}
	if s.rw {
		info.Flags |= pkcs11.CKF_RW_SESSION
	}
	return info, nil
}
