package token_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

func hmacOf(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

// wrapped is a value under RFC 3394.
func wrapped(kek, value []byte) []byte {
	out, err := mechanism.Lookup(pkcs11.CKM_AES_KEY_WRAP).Wrap(mechanism.NewSecret(kek), kw[0], value, nil)
	if err != nil {
		panic(err)
	}
	return out
}

// pinFlags are the flags about PINs, of the user or of the security officer.
func (g *ground) pinFlags(of uint) string {
	info, err := g.GetTokenInfo(g.slot)
	check(g.t, err)
	return fmt.Sprintf("%#x", info.Flags&of)
}

const (
	userFlags = pkcs11.CKF_USER_PIN_COUNT_LOW | pkcs11.CKF_USER_PIN_FINAL_TRY | pkcs11.CKF_USER_PIN_LOCKED | pkcs11.CKF_USER_PIN_INITIALIZED
	soFlags   = pkcs11.CKF_SO_PIN_COUNT_LOW | pkcs11.CKF_SO_PIN_FINAL_TRY | pkcs11.CKF_SO_PIN_LOCKED
)

func loginUser(g *ground) error { return g.Login(g.s, pkcs11.CKU_USER, userPIN) }
func loginSO(g *ground) error   { return g.Login(g.s, pkcs11.CKU_SO, soPIN) }
func wrongUser(g *ground) error { return g.Login(g.s, pkcs11.CKU_USER, "000000") }
func wrongSO(g *ground) error   { return g.Login(g.s, pkcs11.CKU_SO, "00000000") }
func logout(g *ground) error    { return g.Logout(g.s) }

func openRO(g *ground) error { return second(g.OpenSession(g.slot, ro)) }
func openRW(g *ground) error { return second(g.OpenSession(g.slot, rw)) }

// reader is a read-only session beside g's.
func (g *ground) reader() *ground {
	s, err := g.OpenSession(g.slot, ro)
	check(g.t, err)
	return &ground{Module: g.Module, t: g.t, slot: g.slot, s: s}
}

func (g *ground) state() string {
	info, err := g.GetSessionInfo(g.s)
	return fmt.Sprint(info.State, info.Flags, says(err))
}

var tokenKey = but(aesOf(key16), attr(pkcs11.CKA_TOKEN, true))

var sessionScenarios = []scenario{
	{name: "login twice", do: inTurn(loginUser)},
	{name: "login of the SO beside the user", do: inTurn(loginSO)},
	{name: "login with a wrong PIN", do: inTurn(logout, wrongUser, loginUser)},
	{name: "login of the SO with a wrong PIN", do: inTurn(logout, wrongSO, loginSO)},
	{name: "login of an unknown kind", do: inTurn(logout, func(g *ground) error { return g.Login(g.s, 7, userPIN) })},
	{name: "login for one operation", do: inTurn(logout, func(g *ground) error { return g.Login(g.s, pkcs11.CKU_CONTEXT_SPECIFIC, userPIN) })},
	{name: "logout twice", meant: meant{"CKR_OK CKR_USER_NOT_LOGGED_IN", "CKR_OK CKR_OK", standard}, do: inTurn(logout, logout)},
	{name: "login in a session that is closed", do: inTurn(func(g *ground) error { return g.CloseSession(g.s) }, loginUser, logout)},
	{name: "SO beside a read-only session", do: inTurn(logout, openRO, loginSO)},
	{name: "read-only session beside the SO", do: inTurn(logout, loginSO, openRO, openRW)},
	{name: "a parallel session", do: inTurn(func(g *ground) error { return second(g.OpenSession(g.slot, pkcs11.CKF_RW_SESSION)) })},
	{name: "a session on no slot", do: inTurn(func(g *ground) error { return second(g.OpenSession(4711, rw)) })},
	{name: "close no session", do: inTurn(func(g *ground) error { return g.CloseSession(4711) })},
	{name: "close twice", do: inTurn(func(g *ground) error { return g.CloseSession(g.s) }, func(g *ground) error { return g.CloseSession(g.s) })},
	{name: "information of no session", do: inTurn(func(g *ground) error { return second(g.GetSessionInfo(4711)) })},
	{name: "information of no slot", do: inTurn(func(g *ground) error { return second(g.GetTokenInfo(4711)) }, func(g *ground) error { return second(g.GetSlotInfo(4711)) })},
	{name: "information of an unknown mechanism", do: inTurn(func(g *ground) error { return second(g.GetMechanismInfo(g.slot, plain(0x7fffffff))) })},
	{name: "states of the user", do: func(g *ground) string { return g.state() + g.reader().state() }},
	{name: "states of nobody", do: func(g *ground) string { check(g.t, logout(g)); return g.state() + g.reader().state() }},
	{name: "state of the SO", do: func(g *ground) string { check(g.t, logout(g)); check(g.t, loginSO(g)); return g.state() }},
	{name: "the last session logs out", do: func(g *ground) string {
		check(g.t, g.CloseSession(g.s))
		g.s = g.session()
		return g.state()
	}},
	{name: "the last but one does not", do: func(g *ground) string {
		other := g.session()
		check(g.t, g.CloseSession(g.s))
		g.s = other
		return g.state()
	}},
	{name: "closing all logs out", do: func(g *ground) string {
		check(g.t, g.CloseAllSessions(g.slot))
		g.s = g.session()
		return g.state()
	}},

	{name: "user flags at first", do: func(g *ground) string { return g.pinFlags(userFlags) }},
	{name: "user flags after one wrong PIN", do: func(g *ground) string { return inTurn(logout, wrongUser)(g) + g.pinFlags(userFlags) }},
	{name: "user flags after the right PIN", do: func(g *ground) string { return inTurn(logout, wrongUser, loginUser)(g) + g.pinFlags(userFlags) }},
	{name: "SO flags after one wrong PIN", do: func(g *ground) string { return inTurn(logout, wrongSO)(g) + g.pinFlags(soFlags) }},
	{name: "SO flags after the right PIN", do: func(g *ground) string { return inTurn(logout, wrongSO, loginSO)(g) + g.pinFlags(soFlags) }},
	{name: "eleven wrong PINs", meant: meant{"CKR_PIN_LOCKED CKR_PIN_LOCKED 0x40008", "CKR_PIN_INCORRECT CKR_OK 0x8", locks}, do: func(g *ground) string {
		check(g.t, logout(g))
		out := ""
		for range 11 {
			out = says(wrongUser(g))
		}
		return out + " " + says(loginUser(g)) + " " + g.pinFlags(userFlags)
	}},

	{name: "set the PIN", do: inTurn(func(g *ground) error { return g.SetPIN(g.s, userPIN, "654321") }, logout, loginUser,
		func(g *ground) error { return g.Login(g.s, pkcs11.CKU_USER, "654321") })},
	{name: "set the PIN with a wrong old one", do: inTurn(func(g *ground) error { return g.SetPIN(g.s, "000000", "654321") })},
	{name: "set a short PIN", do: inTurn(func(g *ground) error { return g.SetPIN(g.s, userPIN, "123") })},
	{name: "set a PIN of 255", do: inTurn(func(g *ground) error { return g.SetPIN(g.s, userPIN, fmt.Sprintf("%0255d", 1)) })},
	{name: "set a PIN of 256", do: inTurn(func(g *ground) error { return g.SetPIN(g.s, userPIN, fmt.Sprintf("%0256d", 1)) })},
	{name: "set the PIN of nobody", do: inTurn(logout, func(g *ground) error { return g.SetPIN(g.s, userPIN, "654321") },
		func(g *ground) error { return g.Login(g.s, pkcs11.CKU_USER, "654321") })},
	{name: "set the PIN, read-only", do: func(g *ground) string { return says(g.reader().SetPIN(g.reader().s, userPIN, "654321")) }},
	{name: "set the PIN of the SO and back", do: inTurn(logout, loginSO, func(g *ground) error { return g.SetPIN(g.s, soPIN, "11223344") }, logout, loginSO,
		func(g *ground) error { return g.Login(g.s, pkcs11.CKU_SO, "11223344") }, func(g *ground) error { return g.SetPIN(g.s, "11223344", soPIN) })},
	{name: "init the PIN as user", do: inTurn(func(g *ground) error { return g.InitPIN(g.s, "654321") })},
	{name: "init the PIN as nobody", do: inTurn(logout, func(g *ground) error { return g.InitPIN(g.s, "654321") })},
	{name: "init the PIN as SO", do: inTurn(logout, loginSO, func(g *ground) error { return g.InitPIN(g.s, "654321") }, logout, loginUser,
		func(g *ground) error { return g.Login(g.s, pkcs11.CKU_USER, "654321") })},
	{name: "init a short PIN", do: inTurn(logout, loginSO, func(g *ground) error { return g.InitPIN(g.s, "123") })},
	{name: "init a PIN of 256", do: inTurn(logout, loginSO, func(g *ground) error { return g.InitPIN(g.s, fmt.Sprintf("%0256d", 1)) })},
	{name: "init the token with a session", do: inTurn(func(g *ground) error { return g.InitToken(g.slot, soPIN, "new") })},
	{name: "init the token with a wrong PIN", do: inTurn(func(g *ground) error { return g.CloseAllSessions(g.slot) },
		func(g *ground) error { return g.InitToken(g.slot, "00000000", "new") })},
	{name: "init the token with a short PIN", do: inTurn(func(g *ground) error { return g.CloseAllSessions(g.slot) },
		func(g *ground) error { return g.InitToken(g.slot, "123", "new") })},
	{name: "init the token, and log in as before", do: func(g *ground) string {
		g.create(tokenKey)
		check(g.t, g.CloseAllSessions(g.slot))
		check(g.t, g.InitToken(g.slot, soPIN, "new"))
		g.s = g.session()
		info, err := g.GetTokenInfo(g.slot)
		return fmt.Sprint(info.Label, says(err), says(loginUser(g)), g.pinFlags(userFlags), len(g.find()))
	}},
	{name: "init the token on no slot", do: inTurn(func(g *ground) error { return g.InitToken(4711, soPIN, "new") })},

	{name: "create a token object read-only", do: func(g *ground) string { return says(second(g.CreateObject(g.reader().s, tokenKey))) }},
	{name: "create a session object read-only", do: func(g *ground) string { return says(second(g.CreateObject(g.reader().s, aesOf(key16)))) }},
	{name: "generate a token object read-only", do: func(g *ground) string {
		return says(second(g.GenerateKey(g.reader().s, plain(pkcs11.CKM_AES_KEY_GEN), append(stated(pkcs11.CKA_TOKEN), attr(pkcs11.CKA_VALUE_LEN, 16)))))
	}},
	{name: "derive a token object read-only", do: func(g *ground) string {
		r := g.reader()
		return says(second(r.derive(r.create(aesOf(key16, cDrv)), key32, child(pkcs11.CKK_AES, 16, pkcs11.CKA_TOKEN)...)))
	}},
	{name: "unwrap a token object read-only", do: func(g *ground) string {
		r := g.reader()
		return says(second(r.UnwrapKey(r.s, kw, r.create(aesOf(key16, cU)), wrapped(key16, key32), unwrapped(pkcs11.CKK_AES, pkcs11.CKA_TOKEN))))
	}},
	{name: "copy to a token object read-only", do: func(g *ground) string {
		return says(second(g.CopyObject(g.reader().s, g.create(aesOf(key16)), on(pkcs11.CKA_TOKEN))))
	}},
	{name: "copy a token object to a session object read-only", do: func(g *ground) string {
		return says(second(g.CopyObject(g.reader().s, g.create(tokenKey), []*pkcs11.Attribute{off(pkcs11.CKA_TOKEN)})))
	}},
	{name: "set on a token object read-only", do: func(g *ground) string {
		return says(g.SetAttributeValue(g.reader().s, g.create(tokenKey), []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "x")}))
	}},
	{name: "set on a session object read-only", do: func(g *ground) string {
		return says(g.SetAttributeValue(g.reader().s, g.create(aesOf(key16)), []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "x")}))
	}},
	{name: "destroy a token object read-only", do: func(g *ground) string { return says(g.DestroyObject(g.reader().s, g.create(tokenKey))) }},
	{name: "destroy a session object read-only", do: func(g *ground) string { return says(g.DestroyObject(g.reader().s, g.create(aesOf(key16)))) }},

	{name: "private objects after logout", do: func(g *ground) string {
		h, s := g.create(tokenKey), g.create(aesOf(key16))
		check(g.t, logout(g))
		out := fmt.Sprint(len(g.find()), gives(g.read(h, pkcs11.CKA_CLASS)), gives(g.read(s, pkcs11.CKA_CLASS)))
		check(g.t, loginUser(g))
		return fmt.Sprint(out, len(g.find()), gives(g.read(h, pkcs11.CKA_CLASS)), gives(g.read(s, pkcs11.CKA_CLASS)))
	}},
	{name: "private objects before the SO", do: func(g *ground) string {
		g.create(tokenKey)
		check(g.t, logout(g))
		check(g.t, loginSO(g))
		return fmt.Sprint(len(g.find()))
	}},
	{name: "public objects after logout", do: func(g *ground) string {
		template := but(aesOf(key16, cE), off(pkcs11.CKA_PRIVATE))
		h, s := g.create(but(template, attr(pkcs11.CKA_TOKEN, true))), g.create(template)
		check(g.t, logout(g))
		return fmt.Sprint(len(g.find()), gives(g.read(h, pkcs11.CKA_CLASS)), gives(g.read(s, pkcs11.CKA_CLASS)), says(g.EncryptInit(g.s, plain(pkcs11.CKM_AES_ECB), s)))
	}},
	{name: "create a private object as nobody", do: func(g *ground) string { check(g.t, logout(g)); return says(second(g.CreateObject(g.s, aesOf(key16)))) }},
	{name: "create a public session object as nobody", do: func(g *ground) string {
		check(g.t, logout(g))
		return says(second(g.CreateObject(g.s, but(aesOf(key16), off(pkcs11.CKA_PRIVATE)))))
	}},
	{name: "create a public token object as nobody", meant: meant{"CKR_USER_NOT_LOGGED_IN", "CKR_OK", sealedCard}, do: func(g *ground) string {
		check(g.t, logout(g))
		return says(second(g.CreateObject(g.s, but(tokenKey, off(pkcs11.CKA_PRIVATE)))))
	}},
	{name: "copy to a private object as nobody", do: func(g *ground) string {
		h := g.create(but(aesOf(key16), off(pkcs11.CKA_PRIVATE)))
		check(g.t, logout(g))
		return says(second(g.CopyObject(g.s, h, []*pkcs11.Attribute{attr(pkcs11.CKA_PRIVATE, true)})))
	}},
	{name: "derive a private object as nobody", do: func(g *ground) string {
		h := g.create(but(aesOf(key16, cDrv), off(pkcs11.CKA_PRIVATE)))
		check(g.t, logout(g))
		return says(second(g.derive(h, key32, child(pkcs11.CKK_AES, 16)...)))
	}},
	{name: "create a private object as SO", do: func(g *ground) string {
		check(g.t, logout(g))
		check(g.t, loginSO(g))
		return says(second(g.CreateObject(g.s, aesOf(key16))))
	}},
	{name: "create a trusted key as SO", do: func(g *ground) string {
		check(g.t, logout(g))
		check(g.t, loginSO(g))
		return says(second(g.CreateObject(g.s, append(but(aesOf(key16, cW), off(pkcs11.CKA_PRIVATE)), attr(pkcs11.CKA_TRUSTED, true)))))
	}},
	{name: "an operation over a logout", meant: meant{"CKR_OPERATION_NOT_INITIALIZED", "32 bytes", ended}, do: func(g *ground) string {
		check(g.t, g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), g.create(genericOf(key32, cS))))
		check(g.t, logout(g))
		return gives(g.Sign(g.s, []byte("message")))
	}},
	{name: "session objects end with their session", do: func(g *ground) string {
		other := g.session()
		h, err := g.CreateObject(other, aesOf(key16))
		check(g.t, err)
		before := gives(g.read(h, pkcs11.CKA_CLASS))
		check(g.t, g.CloseSession(other))
		return before + gives(g.read(h, pkcs11.CKA_CLASS))
	}},
	{name: "token objects outlive their session", do: func(g *ground) string {
		other := g.session()
		h, err := g.CreateObject(other, tokenKey)
		check(g.t, err)
		check(g.t, g.CloseSession(other))
		return gives(g.read(h, pkcs11.CKA_CLASS))
	}},
	{name: "search without end", do: inTurn(func(g *ground) error { return g.FindObjectsInit(g.s, nil) }, func(g *ground) error { return g.FindObjectsInit(g.s, nil) },
		func(g *ground) error { return g.FindObjectsFinal(g.s) }, func(g *ground) error { return g.FindObjectsFinal(g.s) },
		func(g *ground) error { _, _, err := g.FindObjects(g.s, 1); return err })},
	{name: "search beside signing", meant: meant{"CKR_OK", "CKR_OPERATION_ACTIVE", parallel}, do: func(g *ground) string {
		check(g.t, g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), g.create(genericOf(key32, cS))))
		return says(g.FindObjectsInit(g.s, nil))
	}},
	{name: "operation state", meant: meant{"CKR_OPERATION_NOT_INITIALIZED", "CKR_FUNCTION_NOT_SUPPORTED", wider}, do: func(g *ground) string { return says(second(g.GetOperationState(g.s))) }},
	{name: "two operations in one call", meant: meant{"CKR_OPERATION_NOT_INITIALIZED", "CKR_FUNCTION_NOT_SUPPORTED", wider}, do: func(g *ground) string { return says(second(g.DigestEncryptUpdate(g.s, key16))) }},
	{name: "initialise twice", do: func(g *ground) string { return says(g.Initialize()) }},
}
