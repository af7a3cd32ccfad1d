package token_test

import (
	"reflect"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/token"
)

// reach is what a function needs before it looks at anything else.
type reach int

const (
	library reach = iota // C_Initialize
	aSlot                // and a slot
	aToken               // with its token
	aSession
)

// stage is a session and a slot that a function is called with, and for the rest nothing
// that makes sense.
type stage struct {
	*token.Token
	slot uint
	s    pkcs11.SessionHandle
}

// functions are all of PKCS #11 v2.40 §5 that a Module has, and two of v3.0, each called
// with arguments that are wrong in every way that a caller can get them wrong.
var functions = map[string]struct {
	reach reach
	call  func(g stage) error
}{
	"Finalize":         {library, func(g stage) error { return g.Finalize() }},
	"GetInfo":          {library, func(g stage) error { return second(g.GetInfo()) }},
	"GetSlotList":      {library, func(g stage) error { return second(g.GetSlotList(true)) }},
	"SlotEvent":        {library, func(g stage) error { return second(g.SlotEvent(pkcs11.CKF_DONT_BLOCK)) }},
	"GetSlotInfo":      {aSlot, func(g stage) error { return second(g.GetSlotInfo(g.slot)) }},
	"GetTokenInfo":     {aToken, func(g stage) error { return second(g.GetTokenInfo(g.slot)) }},
	"GetMechanismList": {aToken, func(g stage) error { return second(g.GetMechanismList(g.slot)) }},
	"GetMechanismInfo": {aToken, func(g stage) error { return second(g.GetMechanismInfo(g.slot, nil)) }},
	"InitToken":        {aToken, func(g stage) error { return g.InitToken(g.slot, "", "") }},
	"OpenSession":      {aToken, func(g stage) error { return second(g.OpenSession(g.slot, 0)) }},
	"CloseAllSessions": {aToken, func(g stage) error { return g.CloseAllSessions(g.slot) }},

	"InitPIN":           {aSession, func(g stage) error { return g.InitPIN(g.s, "") }},
	"SetPIN":            {aSession, func(g stage) error { return g.SetPIN(g.s, "", "") }},
	"CloseSession":      {aSession, func(g stage) error { return g.CloseSession(g.s) }},
	"GetSessionInfo":    {aSession, func(g stage) error { return second(g.GetSessionInfo(g.s)) }},
	"GetOperationState": {aSession, func(g stage) error { return second(g.GetOperationState(g.s)) }},
	"SetOperationState": {aSession, func(g stage) error { return g.SetOperationState(g.s, nil, 0, 0) }},
	"Login":             {aSession, func(g stage) error { return g.Login(g.s, 99, "") }},
	"LoginUser":         {aSession, func(g stage) error { return g.LoginUser(g.s, 99, "", "alice") }},
	"SessionCancel":     {aSession, func(g stage) error { return g.SessionCancel(g.s, 0) }},
	"Logout":            {aSession, func(g stage) error { return g.Logout(g.s) }},

	"CreateObject":      {aSession, func(g stage) error { return second(g.CreateObject(g.s, nil)) }},
	"CopyObject":        {aSession, func(g stage) error { return second(g.CopyObject(g.s, 0, nil)) }},
	"DestroyObject":     {aSession, func(g stage) error { return g.DestroyObject(g.s, 0) }},
	"GetObjectSize":     {aSession, func(g stage) error { return second(g.GetObjectSize(g.s, 0)) }},
	"GetAttributeValue": {aSession, func(g stage) error { return second(g.GetAttributeValue(g.s, 0, nil)) }},
	"AttributeValues":   {aSession, func(g stage) error { return second(g.AttributeValues(g.s, 0, nil)) }},
	"SetAttributeValue": {aSession, func(g stage) error { return g.SetAttributeValue(g.s, 0, nil) }},
	"FindObjectsInit":   {aSession, func(g stage) error { return g.FindObjectsInit(g.s, []*pkcs11.Attribute{nil}) }},
	"FindObjects":       {aSession, func(g stage) error { _, _, err := g.FindObjects(g.s, 0); return err }},
	"FindObjectsFinal":  {aSession, func(g stage) error { return g.FindObjectsFinal(g.s) }},

	"EncryptInit":         {aSession, func(g stage) error { return g.EncryptInit(g.s, nil, 0) }},
	"Encrypt":             {aSession, func(g stage) error { return second(g.Encrypt(g.s, nil)) }},
	"EncryptUpdate":       {aSession, func(g stage) error { return second(g.EncryptUpdate(g.s, nil)) }},
	"EncryptFinal":        {aSession, func(g stage) error { return second(g.EncryptFinal(g.s)) }},
	"DecryptInit":         {aSession, func(g stage) error { return g.DecryptInit(g.s, nil, 0) }},
	"Decrypt":             {aSession, func(g stage) error { return second(g.Decrypt(g.s, nil)) }},
	"DecryptUpdate":       {aSession, func(g stage) error { return second(g.DecryptUpdate(g.s, nil)) }},
	"DecryptFinal":        {aSession, func(g stage) error { return second(g.DecryptFinal(g.s)) }},
	"DigestInit":          {aSession, func(g stage) error { return g.DigestInit(g.s, nil) }},
	"Digest":              {aSession, func(g stage) error { return second(g.Digest(g.s, nil)) }},
	"DigestUpdate":        {aSession, func(g stage) error { return g.DigestUpdate(g.s, nil) }},
	"DigestKey":           {aSession, func(g stage) error { return g.DigestKey(g.s, 0) }},
	"DigestFinal":         {aSession, func(g stage) error { return second(g.DigestFinal(g.s)) }},
	"SignInit":            {aSession, func(g stage) error { return g.SignInit(g.s, nil, 0) }},
	"Sign":                {aSession, func(g stage) error { return second(g.Sign(g.s, nil)) }},
	"SignUpdate":          {aSession, func(g stage) error { return g.SignUpdate(g.s, nil) }},
	"SignFinal":           {aSession, func(g stage) error { return second(g.SignFinal(g.s)) }},
	"SignRecoverInit":     {aSession, func(g stage) error { return g.SignRecoverInit(g.s, nil, 0) }},
	"SignRecover":         {aSession, func(g stage) error { return second(g.SignRecover(g.s, nil)) }},
	"VerifyInit":          {aSession, func(g stage) error { return g.VerifyInit(g.s, nil, 0) }},
	"Verify":              {aSession, func(g stage) error { return g.Verify(g.s, nil, nil) }},
	"VerifyUpdate":        {aSession, func(g stage) error { return g.VerifyUpdate(g.s, nil) }},
	"VerifyFinal":         {aSession, func(g stage) error { return g.VerifyFinal(g.s, nil) }},
	"VerifyRecoverInit":   {aSession, func(g stage) error { return g.VerifyRecoverInit(g.s, nil, 0) }},
	"VerifyRecover":       {aSession, func(g stage) error { return second(g.VerifyRecover(g.s, nil)) }},
	"DigestEncryptUpdate": {aSession, func(g stage) error { return second(g.DigestEncryptUpdate(g.s, nil)) }},
	"DecryptDigestUpdate": {aSession, func(g stage) error { return second(g.DecryptDigestUpdate(g.s, nil)) }},
	"SignEncryptUpdate":   {aSession, func(g stage) error { return second(g.SignEncryptUpdate(g.s, nil)) }},
	"DecryptVerifyUpdate": {aSession, func(g stage) error { return second(g.DecryptVerifyUpdate(g.s, nil)) }},

	"GenerateKey":     {aSession, func(g stage) error { return second(g.GenerateKey(g.s, nil, nil)) }},
	"GenerateKeyPair": {aSession, func(g stage) error { _, _, err := g.GenerateKeyPair(g.s, nil, nil, nil); return err }},
	"WrapKey":         {aSession, func(g stage) error { return second(g.WrapKey(g.s, nil, 0, 0)) }},
	"UnwrapKey":       {aSession, func(g stage) error { return second(g.UnwrapKey(g.s, nil, 0, nil, nil)) }},
	"DeriveKey":       {aSession, func(g stage) error { return second(g.DeriveKey(g.s, nil, 0, nil)) }},
	"SeedRandom":      {aSession, func(g stage) error { return g.SeedRandom(g.s, nil) }},
	"GenerateRandom":  {aSession, func(g stage) error { return second(g.GenerateRandom(g.s, -1)) }},
}

// apart are the methods that have no precedence to keep: the start and the end of a module,
// and miekg's form of SlotEvent.
var apart = map[string]bool{"Initialize": true, "Destroy": true, "WaitForSlotEvent": true}

func TestTheTableHasEveryFunction(t *testing.T) {
	all := reflect.TypeFor[cryptoki.Extended]()
	for i := range all.NumMethod() {
		if name := all.Method(i).Name; functions[name].call == nil && !apart[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
}

// What is missing first is what a call says first (v2.40 §5.1): the library, the session or
// slot, the token; only then what is wrong with the arguments.
func TestPrecedenceOfReturnValues(t *testing.T) {
	for name, f := range functions {
		t.Run(name, func(t *testing.T) {
			m, err := token.New(token.Config{Label: "test", SOPIN: soPIN, UserPIN: userPIN})
			check(t, err)
			on := func(slot uint, s pkcs11.SessionHandle) error { return f.call(stage{m, slot, s}) }
			wants(t, "before C_Initialize", on(99, 99), pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
			check(t, m.Initialize())
			if f.reach == aSlot || f.reach == aToken {
				wants(t, "no slot", on(99, 99), pkcs11.CKR_SLOT_ID_INVALID)
			}
			if f.reach == aSession {
				wants(t, "no session", on(0, 99), pkcs11.CKR_SESSION_HANDLE_INVALID)
			}
			s, err := m.OpenSession(0, ro)
			check(t, err)
			check(t, m.Eject(0))
			switch f.reach {
			case aToken:
				wants(t, "no token", on(0, s), pkcs11.CKR_TOKEN_NOT_PRESENT)
			case aSession:
				wants(t, "a session whose token is out", on(0, s), pkcs11.CKR_SESSION_HANDLE_INVALID)
			}
			check(t, m.Finalize())
			wants(t, "after C_Finalize", on(0, s), pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
		})
	}
}
