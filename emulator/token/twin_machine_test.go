package token_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/miekg/pkcs11"
	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/emulator/token"
)

// Any sequence of calls has the same answers on this token, where usages may conflict, and on
// SoftHSM. What the rows of TestAsSoftHSM name as different is not drawn, or is one of equals.
func TestSequencesAsSoftHSM(t *testing.T) {
	m, err := token.New(token.Config{Label: "test", SOPIN: soPIN, UserPIN: userPIN, Permit: []string{token.PermitConflicts}})
	check(t, err)
	here, there := loggedIn(t, m), softHSM(t)
	rapid.Check(t, func(r *rapid.T) {
		m := &machine{tokens: both[*ground]{here.anew(t), there.anew(t)}}
		m.sessions = []both[pkcs11.SessionHandle]{{m.tokens.here.s, m.tokens.there.s}}
		r.Repeat(rapid.StateMachineActions(m))
	})
}

// both is the same thing on both tokens.
type both[T any] struct{ here, there T }

// machine plays calls on both tokens. Handles that are no longer good stay in
// its lists: a token must know them for what they are.
type machine struct {
	tokens   both[*ground]
	sessions []both[pkcs11.SessionHandle]
	objects  []both[pkcs11.ObjectHandle]
	wrong    int // wrong PINs in a row: ten would lock one token, and not the other
}

// equal compares two answers. A call with two faults may name either: the rows
// of TestAsSoftHSM hold each fault alone.
func equal(call, here, there string) bool {
	return here == there || faults[here] && faults[there] ||
		call == "logout" && here == "CKR_USER_NOT_LOGGED_IN" && there == "CKR_OK" ||
		here == "CKR_KEY_HANDLE_INVALID" && there == "CKR_OBJECT_HANDLE_INVALID"
}

// faults are those that one call has together.
var faults = map[string]bool{"CKR_KEY_TYPE_INCONSISTENT": true, "CKR_KEY_FUNCTION_NOT_PERMITTED": true,
	"CKR_USER_NOT_LOGGED_IN": true, "CKR_ATTRIBUTE_READ_ONLY": true, "CKR_SESSION_READ_ONLY": true}

// same runs a call on both and wants one answer.
func (m *machine) same(t *rapid.T, what string, call func(g *ground, pick func(both[uint]) uint) string) string {
	h := call(m.tokens.here, func(b both[uint]) uint { return b.here })
	s := call(m.tokens.there, func(b both[uint]) uint { return b.there })
	if !equal(what, h, s) {
		t.Fatalf("%s: here %s, SoftHSM %s", what, h, s)
	}
	return h
}

func draw[T any](t *rapid.T, what string, from []T) T { return rapid.SampledFrom(from).Draw(t, what) }

func (m *machine) session(t *rapid.T) both[uint] {
	s := draw(t, "session", m.sessions)
	return both[uint]{uint(s.here), uint(s.there)}
}

// object draws an object, at times one that never was.
func (m *machine) object(t *rapid.T) both[uint] {
	if len(m.objects) == 0 || rapid.IntRange(0, 20).Draw(t, "no object") == 0 {
		return both[uint]{999_999, 999_999}
	}
	o := draw(t, "object", m.objects)
	return both[uint]{uint(o.here), uint(o.there)}
}

// makes runs a call that makes an object, and keeps the two handles.
func (m *machine) makes(t *rapid.T, what string, call func(g *ground, pick func(both[uint]) uint) (pkcs11.ObjectHandle, error)) {
	var made []pkcs11.ObjectHandle
	m.same(t, what, func(g *ground, pick func(both[uint]) uint) string {
		h, err := call(g, pick)
		made = append(made, h)
		return says(err)
	})
	if made[0] != 0 {
		m.objects = append(m.objects, both[pkcs11.ObjectHandle]{made[0], made[1]})
	}
}

func (m *machine) OpenSession(t *rapid.T) {
	flags := draw(t, "flags", []uint{rw, rw, ro})
	var opened []pkcs11.SessionHandle
	m.same(t, "open", func(g *ground, _ func(both[uint]) uint) string {
		s, err := g.OpenSession(g.slot, flags)
		opened = append(opened, s)
		return says(err)
	})
	if opened[0] != 0 {
		m.sessions = append(m.sessions, both[pkcs11.SessionHandle]{opened[0], opened[1]})
	}
}

func (m *machine) CloseSession(t *rapid.T) {
	s := m.session(t)
	m.same(t, "close", func(g *ground, pick func(both[uint]) uint) string {
		return says(g.CloseSession(pkcs11.SessionHandle(pick(s))))
	})
}

func (m *machine) Login(t *rapid.T) {
	s, who := m.session(t), draw(t, "who", []uint{pkcs11.CKU_USER, pkcs11.CKU_USER, pkcs11.CKU_SO})
	PIN := map[uint]string{pkcs11.CKU_USER: userPIN, pkcs11.CKU_SO: soPIN}[who]
	if m.wrong < 8 && rapid.IntRange(0, 4).Draw(t, "wrong") == 0 {
		PIN = "00000000"
		m.wrong++
	}
	if m.same(t, "login", func(g *ground, pick func(both[uint]) uint) string {
		return says(g.Login(pkcs11.SessionHandle(pick(s)), who, PIN))
	}) == "CKR_OK" {
		m.wrong = 0
	}
}

func (m *machine) Logout(t *rapid.T) {
	s := m.session(t)
	m.same(t, "logout", func(g *ground, pick func(both[uint]) uint) string {
		return says(g.Logout(pkcs11.SessionHandle(pick(s))))
	})
}

// purposes are usages that do not conflict.
var purposes = [][]uint{{}, {cE, cD}, {cS, cV}, {cW, cU}, {cW, cE}, {cU, cD}, {cDrv}, {cS, cDrv}, {cV}}

// template draws what a key shall be. Public token objects are left out.
func template(t *rapid.T) []*pkcs11.Attribute {
	set := slices.Clone(draw(t, "usages", purposes))
	for _, typ := range []uint{pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_TOKEN} {
		if rapid.Bool().Draw(t, "flag") {
			set = append(set, typ)
		}
	}
	out := append(stated(set...), attr(pkcs11.CKA_LABEL, draw(t, "label", []string{"", "one", "two"})))
	for _, typ := range []uint{pkcs11.CKA_MODIFIABLE, pkcs11.CKA_COPYABLE, pkcs11.CKA_DESTROYABLE} {
		if rapid.IntRange(0, 4).Draw(t, "firm") == 0 {
			out = append(out, off(typ))
		}
	}
	if !slices.Contains(set, uint(pkcs11.CKA_TOKEN)) && rapid.Bool().Draw(t, "public") {
		out = but(out, off(pkcs11.CKA_PRIVATE))
	}
	if rapid.IntRange(0, 3).Draw(t, "no check value") == 0 {
		out = append(out, attr(pkcs11.CKA_CHECK_VALUE, []byte{}))
	}
	return out
}

func keyOf(t *rapid.T) []*pkcs11.Attribute {
	typ := draw(t, "key type", []uint{pkcs11.CKK_AES, pkcs11.CKK_GENERIC_SECRET})
	return []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, typ)}
}

func (m *machine) CreateObject(t *rapid.T) {
	s, a := m.session(t), append(keyOf(t), template(t)...)
	a = append(a, attr(pkcs11.CKA_VALUE, draw(t, "value", [][]byte{key32, key32[:24]})))
	m.makes(t, "create", func(g *ground, pick func(both[uint]) uint) (pkcs11.ObjectHandle, error) {
		return g.CreateObject(pkcs11.SessionHandle(pick(s)), a)
	})
}

func (m *machine) GenerateKey(t *rapid.T) {
	s, a := m.session(t), append(template(t), attr(pkcs11.CKA_VALUE_LEN, 32))
	m.makes(t, "generate", func(g *ground, pick func(both[uint]) uint) (pkcs11.ObjectHandle, error) {
		return g.GenerateKey(pkcs11.SessionHandle(pick(s)), plain(pkcs11.CKM_AES_KEY_GEN), a)
	})
}

// change draws one attribute that a set or a copy may name.
func change(t *rapid.T) []*pkcs11.Attribute {
	return []*pkcs11.Attribute{draw(t, "change", []*pkcs11.Attribute{
		attr(pkcs11.CKA_LABEL, "one"), attr(pkcs11.CKA_LABEL, "three"), attr(pkcs11.CKA_ID, "id"),
		attr(pkcs11.CKA_SENSITIVE, true), off(pkcs11.CKA_SENSITIVE), attr(pkcs11.CKA_EXTRACTABLE, true), off(pkcs11.CKA_EXTRACTABLE),
		attr(cS, true), off(cS), attr(cV, true), attr(cDrv, true), off(cDrv),
		attr(pkcs11.CKA_LOCAL, true), attr(pkcs11.CKA_ALWAYS_SENSITIVE, true), attr(pkcs11.CKA_VALUE, key16),
	})}
}

func (m *machine) SetAttributeValue(t *rapid.T) {
	s, o, a := m.session(t), m.object(t), change(t)
	m.same(t, "set", func(g *ground, pick func(both[uint]) uint) string {
		return says(g.SetAttributeValue(pkcs11.SessionHandle(pick(s)), pkcs11.ObjectHandle(pick(o)), a))
	})
}

func (m *machine) DestroyObject(t *rapid.T) {
	s, o := m.session(t), m.object(t)
	m.same(t, "destroy", func(g *ground, pick func(both[uint]) uint) string {
		return says(g.DestroyObject(pkcs11.SessionHandle(pick(s)), pkcs11.ObjectHandle(pick(o))))
	})
}

// CopyObject names what surely changes: an unchanged value is one of the
// differences.
func (m *machine) CopyObject(t *rapid.T) {
	s, o := m.session(t), m.object(t)
	a := []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, rapid.StringN(3, 3, 3).Draw(t, "label"))}
	m.makes(t, "copy", func(g *ground, pick func(both[uint]) uint) (pkcs11.ObjectHandle, error) {
		return g.CopyObject(pkcs11.SessionHandle(pick(s)), pkcs11.ObjectHandle(pick(o)), a)
	})
}

// read are the attributes whose values are compared.
var compared = slices.Concat(usages, []uint{pkcs11.CKA_LABEL, pkcs11.CKA_ID, pkcs11.CKA_TOKEN, pkcs11.CKA_PRIVATE, pkcs11.CKA_SENSITIVE,
	pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_ALWAYS_SENSITIVE, pkcs11.CKA_NEVER_EXTRACTABLE, pkcs11.CKA_LOCAL, pkcs11.CKA_MODIFIABLE,
	pkcs11.CKA_COPYABLE, pkcs11.CKA_DESTROYABLE, pkcs11.CKA_CLASS, pkcs11.CKA_KEY_TYPE, pkcs11.CKA_KEY_GEN_MECHANISM})

func (m *machine) GetAttributeValue(t *rapid.T) {
	s, o := m.session(t), m.object(t)
	for _, typ := range compared {
		m.same(t, fmt.Sprintf("read %#x", typ), func(g *ground, pick func(both[uint]) uint) string {
			a, err := g.GetAttributeValue(pkcs11.SessionHandle(pick(s)), pkcs11.ObjectHandle(pick(o)), []*pkcs11.Attribute{{Type: typ}})
			if err != nil {
				return says(err)
			}
			return gives(a[0].Value, nil)
		})
	}
	// A generated value differs, whether it may be read does not.
	m.same(t, "read the value", func(g *ground, pick func(both[uint]) uint) string {
		return says(second(g.GetAttributeValue(pkcs11.SessionHandle(pick(s)), pkcs11.ObjectHandle(pick(o)), []*pkcs11.Attribute{{Type: pkcs11.CKA_VALUE}})))
	})
}

func (m *machine) FindObjects(t *rapid.T) {
	s := m.session(t)
	want := draw(t, "search", [][]*pkcs11.Attribute{nil, {attr(pkcs11.CKA_LABEL, "one")}, {attr(pkcs11.CKA_SENSITIVE, true)}, {attr(pkcs11.CKA_LABEL, "two"), attr(cS, true)}})
	m.same(t, "find", func(g *ground, pick func(both[uint]) uint) string {
		sh := pkcs11.SessionHandle(pick(s))
		if err := g.FindObjectsInit(sh, want); err != nil {
			return says(err)
		}
		found, _, err := g.FindObjects(sh, 1000)
		return fmt.Sprint(len(found), says(err), says(g.FindObjectsFinal(sh)))
	})
}

// Operate runs the calls of one operation, not always those that it needs, in a
// session of its own.
func (m *machine) Operate(t *rapid.T) {
	o := m.object(t)
	steps := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 4).Draw(t, "steps")
	kind := draw(t, "operation", operations)
	m.same(t, kind.name, func(g *ground, pick func(both[uint]) uint) string {
		s, err := g.OpenSession(g.slot, rw)
		if err != nil {
			return says(err)
		}
		defer g.CloseSession(s)
		out := says(kind.init(g, s, pkcs11.ObjectHandle(pick(o))))
		if out != "CKR_OK" {
			return out
		}
		for _, i := range steps {
			out += " " + says(kind.steps[i](g, s))
		}
		return out
	})
}

func encryptCBC(g *ground, s pkcs11.SessionHandle, o pkcs11.ObjectHandle) error {
	return g.EncryptInit(s, with(pkcs11.CKM_AES_CBC, iv16), o)
}

func decryptCBC(g *ground, s pkcs11.SessionHandle, o pkcs11.ObjectHandle) error {
	return g.DecryptInit(s, with(pkcs11.CKM_AES_CBC, iv16), o)
}

// operation is a kind of operation: how it begins, and the calls that go on with it.
type operation struct {
	name  string
	init  func(g *ground, s pkcs11.SessionHandle, o pkcs11.ObjectHandle) error
	steps [4]func(g *ground, s pkcs11.SessionHandle) error
}

var operations = []operation{
	{"sign", func(g *ground, s pkcs11.SessionHandle, o pkcs11.ObjectHandle) error {
		return g.SignInit(s, plain(pkcs11.CKM_SHA_1_HMAC), o)
	}, [4]func(*ground, pkcs11.SessionHandle) error{
		func(g *ground, s pkcs11.SessionHandle) error { return g.SignUpdate(s, key16) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.Sign(s, key16)) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.SignFinal(s)) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.Encrypt(s, key16)) },
	}},
	{"encrypt", encryptCBC, [4]func(*ground, pkcs11.SessionHandle) error{
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.Encrypt(s, key16)) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.Encrypt(s, key16[:9])) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.Decrypt(s, key16)) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.SignFinal(s)) },
	}},
	{"encrypt in parts", encryptCBC, [4]func(*ground, pkcs11.SessionHandle) error{
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.EncryptUpdate(s, key16)) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.EncryptUpdate(s, key16[:9])) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.EncryptFinal(s)) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.Decrypt(s, key16)) },
	}},
	{"decrypt", decryptCBC, [4]func(*ground, pkcs11.SessionHandle) error{
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.Decrypt(s, key16)) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.Decrypt(s, key16[:9])) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.Sign(s, key16)) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.EncryptFinal(s)) },
	}},
	{"decrypt in parts", decryptCBC, [4]func(*ground, pkcs11.SessionHandle) error{
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.DecryptUpdate(s, key16)) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.DecryptUpdate(s, key16[:9])) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.DecryptFinal(s)) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.Sign(s, key16)) },
	}},
	{"verify", func(g *ground, s pkcs11.SessionHandle, o pkcs11.ObjectHandle) error {
		return g.VerifyInit(s, plain(pkcs11.CKM_SHA_1_HMAC), o)
	}, [4]func(*ground, pkcs11.SessionHandle) error{
		func(g *ground, s pkcs11.SessionHandle) error { return g.VerifyUpdate(s, key16) },
		func(g *ground, s pkcs11.SessionHandle) error { return g.Verify(s, key16, key32[:20]) },
		func(g *ground, s pkcs11.SessionHandle) error { return g.VerifyFinal(s, key32[:20]) },
		func(g *ground, s pkcs11.SessionHandle) error { return second(g.Sign(s, key16)) },
	}},
}

// Wrap moves a key under another, and back, when that is allowed. It comes back sensitive:
// readable is one of the differences.
func (m *machine) Wrap(t *rapid.T) {
	s, by, key := m.session(t), m.object(t), m.object(t)
	a := append([]*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET)},
		but(modifiable(template(t)), attr(pkcs11.CKA_SENSITIVE, true))...)
	var blobs [][]byte
	if m.same(t, "wrap", func(g *ground, pick func(both[uint]) uint) string {
		blob, err := g.WrapKey(pkcs11.SessionHandle(pick(s)), kw, pkcs11.ObjectHandle(pick(by)), pkcs11.ObjectHandle(pick(key)))
		blobs = append(blobs, blob)
		return says(err)
	}) != "CKR_OK" {
		return
	}
	m.makes(t, "unwrap", func(g *ground, pick func(both[uint]) uint) (pkcs11.ObjectHandle, error) {
		blob := blobs[0]
		if g == m.tokens.there {
			blob = blobs[1]
		}
		return g.UnwrapKey(pkcs11.SessionHandle(pick(s)), kw, pkcs11.ObjectHandle(pick(by)), blob, a)
	})
}

// modifiable leaves CKA_MODIFIABLE out: SoftHSM applies it at once, to the rest
// of the template that it stands in.
func modifiable(template []*pkcs11.Attribute) []*pkcs11.Attribute {
	return slices.DeleteFunc(template, func(a *pkcs11.Attribute) bool { return a.Type == pkcs11.CKA_MODIFIABLE })
}

// DeriveKey makes sensitive children: a readable one is one of the differences.
func (m *machine) DeriveKey(t *rapid.T) {
	s, base := m.session(t), m.object(t)
	a := append(but(modifiable(template(t)), attr(pkcs11.CKA_SENSITIVE, true)), attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET), attr(pkcs11.CKA_VALUE_LEN, draw(t, "length", []int{24, 32})))
	m.makes(t, "derive", func(g *ground, pick func(both[uint]) uint) (pkcs11.ObjectHandle, error) {
		on := *g
		on.s = pkcs11.SessionHandle(pick(s))
		return on.derive(pkcs11.ObjectHandle(pick(base)), key32, a...)
	})
}

// Check compares what the tokens show of themselves, after every call.
func (m *machine) Check(t *rapid.T) {
	for _, s := range m.sessions {
		m.same(t, "session", func(g *ground, pick func(both[uint]) uint) string {
			info, err := g.GetSessionInfo(pkcs11.SessionHandle(pick(both[uint]{uint(s.here), uint(s.there)})))
			return fmt.Sprint(info.State, info.Flags, says(err))
		})
	}
	m.same(t, "PIN flags", func(g *ground, _ func(both[uint]) uint) string { return g.pinFlags(userFlags | soFlags) })
}
