package token_test

import (
	"fmt"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/token"
)

func TestInitializeAndFinalize(t *testing.T) {
	m, err := token.New(token.Config{})
	check(t, err)
	_, err = m.GetSlotList(true)
	wants(t, "before C_Initialize", err, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	wants(t, "C_Finalize first", m.Finalize(), pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	check(t, m.Initialize())
	wants(t, "C_Initialize twice", m.Initialize(), pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)
	_, err = m.GetSlotInfo(1)
	wants(t, "slot that is not there", err, pkcs11.CKR_SLOT_ID_INVALID)
	_, err = m.OpenSession(0, rw)
	wants(t, "session on an uninitialised token", err, pkcs11.CKR_TOKEN_NOT_RECOGNIZED)
	check(t, m.Finalize())
}

// The life of a token by the book: initialise it, set the user's PIN, use it.
func TestInitToken(t *testing.T) {
	m, err := token.New(token.Config{Slots: 2})
	check(t, err)
	check(t, m.Initialize())
	wants(t, "a short PIN", m.InitToken(1, "123", "label"), pkcs11.CKR_PIN_INCORRECT)
	check(t, m.InitToken(1, soPIN, "label"))
	info, err := m.GetTokenInfo(1)
	if err != nil || info.Label != "label" || info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 || info.Flags&pkcs11.CKF_USER_PIN_INITIALIZED != 0 {
		t.Errorf("%+v, %v", info, err)
	}
	s, err := m.OpenSession(1, rw)
	check(t, err)
	wants(t, "login without a PIN", m.Login(s, pkcs11.CKU_USER, userPIN), pkcs11.CKR_USER_PIN_NOT_INITIALIZED)
	wants(t, "C_InitPIN by nobody", m.InitPIN(s, userPIN), pkcs11.CKR_USER_NOT_LOGGED_IN)
	check(t, m.Login(s, pkcs11.CKU_SO, soPIN))
	check(t, m.InitPIN(s, userPIN))
	check(t, m.Logout(s))
	check(t, m.Login(s, pkcs11.CKU_USER, userPIN))
	_, err = m.CreateObject(s, secretKey(pkcs11.CKK_AES, random(16), on(pkcs11.CKA_TOKEN)))
	check(t, err)

	wants(t, "C_InitToken with a session open", m.InitToken(1, soPIN, "new"), pkcs11.CKR_SESSION_EXISTS)
	check(t, m.CloseAllSessions(1))
	wants(t, "C_InitToken with the wrong PIN", m.InitToken(1, "wrong pin", "new"), pkcs11.CKR_PIN_INCORRECT)
	check(t, m.InitToken(1, soPIN, "new"))
	s, err = m.OpenSession(1, rw)
	check(t, err)
	wants(t, "the old user PIN", m.Login(s, pkcs11.CKU_USER, userPIN), pkcs11.CKR_USER_PIN_NOT_INITIALIZED)
	check(t, m.Login(s, pkcs11.CKU_SO, soPIN))
	check(t, m.InitPIN(s, userPIN))
	check(t, m.Logout(s))
	check(t, m.Login(s, pkcs11.CKU_USER, userPIN))
	g := &ground{Module: m, t: t, slot: 1, s: s}
	if found := g.find(); len(found) != 0 {
		t.Errorf("objects of before: %v", found)
	}
}

func TestPINCounter(t *testing.T) {
	g := memoryToken(t)
	check(t, g.Logout(g.s))
	const low, final, locked = pkcs11.CKF_USER_PIN_COUNT_LOW, pkcs11.CKF_USER_PIN_FINAL_TRY, pkcs11.CKF_USER_PIN_LOCKED
	flags := func() uint {
		info, err := g.GetTokenInfo(0)
		check(t, err)
		return info.Flags & (low | final | locked)
	}
	wrong := func() error { return g.Login(g.s, pkcs11.CKU_USER, "000000") }
	wants(t, "first wrong PIN", wrong(), pkcs11.CKR_PIN_INCORRECT)
	if flags() != low {
		t.Errorf("after one wrong PIN: %#x", flags())
	}
	check(t, g.Login(g.s, pkcs11.CKU_USER, userPIN))
	if flags() != 0 {
		t.Errorf("after the right PIN: %#x", flags())
	}
	check(t, g.Logout(g.s))
	for range 9 {
		wants(t, "wrong PIN", wrong(), pkcs11.CKR_PIN_INCORRECT)
	}
	if flags() != low|final {
		t.Errorf("before the last try: %#x", flags())
	}
	wants(t, "tenth wrong PIN", wrong(), pkcs11.CKR_PIN_INCORRECT)
	if flags() != locked {
		t.Errorf("after ten: %#x", flags())
	}
	wants(t, "the right PIN, too late", g.Login(g.s, pkcs11.CKU_USER, userPIN), pkcs11.CKR_PIN_LOCKED)

	check(t, g.Login(g.s, pkcs11.CKU_SO, soPIN))
	check(t, g.InitPIN(g.s, userPIN))
	check(t, g.Logout(g.s))
	wants(t, "after the SO set it again", g.Login(g.s, pkcs11.CKU_USER, userPIN), 0)
}

// The security officer's PIN locks by itself, and C_InitToken is no way around.
func TestSOPINCounter(t *testing.T) {
	g := memoryToken(t)
	check(t, logout(g))
	const low, final, locked = pkcs11.CKF_SO_PIN_COUNT_LOW, pkcs11.CKF_SO_PIN_FINAL_TRY, pkcs11.CKF_SO_PIN_LOCKED
	for n := 1; n <= 10; n++ {
		wants(t, "wrong PIN", wrongSO(g), pkcs11.CKR_PIN_INCORRECT)
		want := map[bool]uint{true: low}[n < 9] | map[int]uint{9: low | final, 10: locked}[n]
		if got := g.pinFlags(soFlags); got != fmt.Sprintf("%#x", want) {
			t.Errorf("after %d wrong PINs the flags are %s, want %#x", n, got, want)
		}
	}
	wants(t, "the right PIN, too late", loginSO(g), pkcs11.CKR_PIN_LOCKED)
	wants(t, "the user", loginUser(g), 0)
	check(t, g.CloseAllSessions(0))
	wants(t, "C_InitToken", g.InitToken(0, soPIN, "new"), pkcs11.CKR_PIN_LOCKED)
	g.s = g.session()
	wants(t, "the user, still", loginUser(g), 0)
}

// Every call that looks at a PIN counts on the same counter.
func TestEveryTryCounts(t *testing.T) {
	g := memoryToken(t)
	for n := range 10 {
		err := g.SetPIN(g.s, "000000", "654321")
		wants(t, fmt.Sprint("C_SetPIN ", n), err, pkcs11.CKR_PIN_INCORRECT)
	}
	wants(t, "C_SetPIN with the right PIN", g.SetPIN(g.s, userPIN, "654321"), pkcs11.CKR_PIN_LOCKED)
	check(t, logout(g))
	wants(t, "C_Login with the right PIN", loginUser(g), pkcs11.CKR_PIN_LOCKED)
	check(t, g.CloseAllSessions(0))
	for n := range 10 {
		wants(t, fmt.Sprint("C_InitToken ", n), g.InitToken(0, "00000000", "new"), pkcs11.CKR_PIN_INCORRECT)
	}
	g.s = g.session()
	wants(t, "the security officer", loginSO(g), pkcs11.CKR_PIN_LOCKED)
}

func TestSessionLimit(t *testing.T) {
	m, err := token.New(token.Config{Label: "test", SOPIN: soPIN, UserPIN: userPIN, MaxSessions: 3})
	check(t, err)
	g := loggedIn(t, m)
	second, third := g.session(), g.session()
	for _, flags := range []uint{ro, rw} {
		_, err := m.OpenSession(0, flags)
		wants(t, "a fourth session", err, pkcs11.CKR_SESSION_COUNT)
	}
	info, err := m.GetTokenInfo(0)
	if err != nil || info.MaxSessionCount != 3 || info.MaxRwSessionCount != 3 || info.SessionCount != 3 || info.RwSessionCount != 3 {
		t.Errorf("%+v, %v", info, err)
	}
	check(t, m.CloseSession(second))
	again, err := m.OpenSession(0, ro)
	wants(t, "after one was closed", err, 0)
	if again == second || again == third {
		t.Errorf("session handle %d came back", again)
	}
}

func TestSetPIN(t *testing.T) {
	g := memoryToken(t)
	wants(t, "with the wrong old PIN", g.SetPIN(g.s, "000000", "654321"), pkcs11.CKR_PIN_INCORRECT)
	wants(t, "to a short one", g.SetPIN(g.s, userPIN, "1"), pkcs11.CKR_PIN_LEN_RANGE)
	check(t, g.SetPIN(g.s, userPIN, "654321"))
	check(t, g.Logout(g.s))
	wants(t, "the old PIN", g.Login(g.s, pkcs11.CKU_USER, userPIN), pkcs11.CKR_PIN_INCORRECT)
	check(t, g.SetPIN(g.s, "654321", userPIN)) // the user's, also before a login
	check(t, g.Login(g.s, pkcs11.CKU_SO, soPIN))
	check(t, g.SetPIN(g.s, soPIN, "11223344")) // the SO's, while logged in
	check(t, g.Logout(g.s))
	wants(t, "the old SO PIN", g.Login(g.s, pkcs11.CKU_SO, soPIN), pkcs11.CKR_PIN_INCORRECT)
	wants(t, "the user's PIN", g.Login(g.s, pkcs11.CKU_USER, userPIN), 0)
	s, err := g.OpenSession(0, ro)
	check(t, err)
	wants(t, "in a read-only session", g.SetPIN(s, userPIN, "654321"), pkcs11.CKR_SESSION_READ_ONLY)
}

// Who may log in when, and what a session then is.
func TestLoginStates(t *testing.T) {
	m, err := token.New(token.Config{Label: "test", SOPIN: soPIN, UserPIN: userPIN})
	check(t, err)
	check(t, m.Initialize())
	_, err = m.OpenSession(0, pkcs11.CKF_RW_SESSION)
	wants(t, "a parallel session", err, pkcs11.CKR_SESSION_PARALLEL_NOT_SUPPORTED)
	read, err := m.OpenSession(0, ro)
	check(t, err)
	write, err := m.OpenSession(0, rw)
	check(t, err)
	states := func(name string, want ...uint) {
		t.Helper()
		for i, s := range []pkcs11.SessionHandle{read, write}[:len(want)] {
			if info, err := m.GetSessionInfo(s); err != nil || info.State != want[i] {
				t.Errorf("%s: state %d, %v, want %d", name, info.State, err, want[i])
			}
		}
	}
	states("nobody", pkcs11.CKS_RO_PUBLIC_SESSION, pkcs11.CKS_RW_PUBLIC_SESSION)
	wants(t, "logout of nobody", m.Logout(read), pkcs11.CKR_USER_NOT_LOGGED_IN)
	wants(t, "context-specific login", m.Login(read, pkcs11.CKU_CONTEXT_SPECIFIC, userPIN), pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	check(t, m.Login(read, pkcs11.CKU_USER, userPIN))
	states("user", pkcs11.CKS_RO_USER_FUNCTIONS, pkcs11.CKS_RW_USER_FUNCTIONS)
	wants(t, "login twice", m.Login(write, pkcs11.CKU_USER, userPIN), pkcs11.CKR_USER_ALREADY_LOGGED_IN)
	wants(t, "SO beside the user and a read-only session", m.Login(write, pkcs11.CKU_SO, soPIN), pkcs11.CKR_SESSION_READ_ONLY_EXISTS)
	check(t, m.Logout(write))
	wants(t, "SO beside a read-only session", m.Login(write, pkcs11.CKU_SO, soPIN), pkcs11.CKR_SESSION_READ_ONLY_EXISTS)
	check(t, m.CloseSession(read))
	check(t, m.Login(write, pkcs11.CKU_SO, soPIN))
	_, err = m.OpenSession(0, ro)
	wants(t, "read-only session beside the SO", err, pkcs11.CKR_SESSION_READ_WRITE_SO_EXISTS)
	wants(t, "a session that is closed", m.CloseSession(read), pkcs11.CKR_SESSION_HANDLE_INVALID)
}

// The end of a login, or of the last session, ends what it let one see.
func TestLogoutHidesPrivateObjects(t *testing.T) {
	g := memoryToken(t)
	sign := on(pkcs11.CKA_SIGN)
	private := g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(32), append(sign, attr(pkcs11.CKA_TOKEN, true), attr(pkcs11.CKA_LABEL, "private"))))
	public := g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(32), append(sign, attr(pkcs11.CKA_PRIVATE, false))))
	session := g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(32), sign))
	check(t, g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), private))
	check(t, g.Logout(g.s))
	_, err := g.Sign(g.s, nil)
	wants(t, "a signature begun before", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	for name, h := range map[string]pkcs11.ObjectHandle{"token object": private, "session object": session} {
		_, err := g.read(h, pkcs11.CKA_LABEL)
		wants(t, "private "+name, err, pkcs11.CKR_OBJECT_HANDLE_INVALID)
	}
	wants(t, "signing with a public key", g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), public), 0)
	_, err = g.CreateObject(g.s, secretKey(pkcs11.CKK_AES, random(16), nil))
	wants(t, "a private object of nobody", err, pkcs11.CKR_USER_NOT_LOGGED_IN)

	check(t, g.Login(g.s, pkcs11.CKU_USER, userPIN))
	_, err = g.read(private, pkcs11.CKA_LABEL)
	wants(t, "the old handle after a new login", err, pkcs11.CKR_OBJECT_HANDLE_INVALID)
	found := g.find(attr(pkcs11.CKA_LABEL, "private"))
	if len(found) != 1 || found[0] == private {
		t.Errorf("found %v, the old handle was %v", found, private)
	}
	check(t, g.CloseSession(g.s))
	g.s = g.session()
	if info, err := g.GetSessionInfo(g.s); err != nil || info.State != pkcs11.CKS_RW_PUBLIC_SESSION {
		t.Errorf("after the last session closed: %+v, %v", info, err)
	}
}

func TestSessionObjectsEndWithTheirSession(t *testing.T) {
	g := memoryToken(t)
	other := g.session()
	h, err := g.CreateObject(other, secretKey(pkcs11.CKK_AES, random(16), nil))
	check(t, err)
	_, err = g.read(h, pkcs11.CKA_LABEL)
	wants(t, "seen from another session", err, 0)
	check(t, g.CloseSession(other))
	_, err = g.read(h, pkcs11.CKA_LABEL)
	wants(t, "after the session", err, pkcs11.CKR_OBJECT_HANDLE_INVALID)
}

func TestReadOnlySession(t *testing.T) {
	g := memoryToken(t)
	h := g.create(secretKey(pkcs11.CKK_AES, random(16), on(pkcs11.CKA_TOKEN)))
	s, err := g.OpenSession(0, ro)
	check(t, err)
	_, err = g.CreateObject(s, secretKey(pkcs11.CKK_AES, random(16), on(pkcs11.CKA_TOKEN)))
	wants(t, "create a token object", err, pkcs11.CKR_SESSION_READ_ONLY)
	_, err = g.CreateObject(s, secretKey(pkcs11.CKK_AES, random(16), nil))
	wants(t, "create a session object", err, 0)
	_, err = g.CopyObject(s, h, on(pkcs11.CKA_TOKEN))
	wants(t, "copy to a token object", err, pkcs11.CKR_SESSION_READ_ONLY)
	wants(t, "set", g.SetAttributeValue(s, h, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "x")}), pkcs11.CKR_SESSION_READ_ONLY)
	wants(t, "destroy", g.DestroyObject(s, h), pkcs11.CKR_SESSION_READ_ONLY)
}

func TestFinalizeKeepsTokenObjectsOnly(t *testing.T) {
	g := memoryToken(t)
	g.create(secretKey(pkcs11.CKK_AES, random(16), append(on(pkcs11.CKA_TOKEN), attr(pkcs11.CKA_LABEL, "kept"))))
	gone := g.create(secretKey(pkcs11.CKK_AES, random(16), []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "gone")}))
	check(t, g.Finalize())
	g = loggedIn(t, g.Module)
	if len(g.find(attr(pkcs11.CKA_LABEL, "kept"))) != 1 || len(g.find(attr(pkcs11.CKA_LABEL, "gone"))) != 0 {
		t.Error("the wrong objects stayed")
	}
	_, err := g.read(gone, pkcs11.CKA_LABEL)
	wants(t, "handle of before", err, pkcs11.CKR_OBJECT_HANDLE_INVALID)
}
