package hsm_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
)

// chosen is the strategy of each operation.
func chosen(h *hsm.HSM) map[string]string {
	choices := map[string]string{}
	for _, c := range h.Choices() {
		choices[c.Operation] = c.Strategy
	}
	return choices
}

func TestStrategiesOfSoftHSM(t *testing.T) {
	choices := chosen(hsmtest.Open(t, hsmtest.Module(t), hsmtest.Token(t)))
	for operation, want := range map[string]string{
		"key templates":     "public session keys, empty CKA_CHECK_VALUE, CKA_COPYABLE=0",
		"OAEPUnwrap":        "[OAEP-SHA-1], no CKA_VALUE_LEN, no CKA_CHECK_VALUE",
		"WrapUnderMaster":   "CKM_AES_KEY_WRAP, no CKA_VALUE_LEN",
		"GenerateMasterKey": "unwrap-template",
		"GenerateRSA":       "unwrap-template",
		"ImportKEK":         "create-object",
		"DeriveTokenKey":    "enc",
		"SealRow":           "row-kw",
		"GCM without an IV": "zero IV",
	} {
		if choices[operation] != want {
			t.Errorf("%s: %q, want %q", operation, choices[operation], want)
		}
	}
}

// The layers below stand for tokens that SoftHSM is not; the token behind them is real.

// without hides mechanisms.
type without struct {
	hsm.PKCS11
	mechanisms []uint
}

func (w without) GetMechanismList(slot uint) ([]*pkcs11.Mechanism, error) {
	list, err := w.PKCS11.GetMechanismList(slot)
	return slices.DeleteFunc(list, func(m *pkcs11.Mechanism) bool { return slices.Contains(w.mechanisms, m.Mechanism) }), err
}

// templates sees and changes every template that makes a secret key; its error refuses it.
type templates struct {
	hsm.PKCS11
	change func(call string, attrs []*pkcs11.Attribute) ([]*pkcs11.Attribute, error)
}

func (l templates) GenerateKey(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	a, err := l.change("generate", a)
	if err != nil {
		return 0, err
	}
	return l.PKCS11.GenerateKey(s, m, a)
}

func (l templates) CreateObject(s pkcs11.SessionHandle, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if bytes.Equal(valueOf(a, pkcs11.CKA_CLASS), pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY).Value) {
		var err error
		if a, err = l.change("create", a); err != nil {
			return 0, err
		}
	}
	return l.PKCS11.CreateObject(s, a)
}

func (l templates) UnwrapKey(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle, b []byte, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	a, err := l.change("unwrap", a)
	if err != nil {
		return 0, err
	}
	return l.PKCS11.UnwrapKey(s, m, k, b, a)
}

func (l templates) DeriveKey(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	a, err := l.change("derive", a)
	if err != nil {
		return 0, err
	}
	return l.PKCS11.DeriveKey(s, m, k, a)
}

func valueOf(attrs []*pkcs11.Attribute, typ uint) []byte {
	for _, a := range attrs {
		if a.Type == typ {
			return a.Value
		}
	}
	return nil
}

func has(attrs []*pkcs11.Attribute, typ uint) bool {
	return slices.ContainsFunc(attrs, func(a *pkcs11.Attribute) bool { return a.Type == typ })
}

func drop(attrs []*pkcs11.Attribute, typ uint) []*pkcs11.Attribute {
	return slices.DeleteFunc(slices.Clone(attrs), func(a *pkcs11.Attribute) bool { return a.Type == typ })
}

// refuse makes a layer that refuses the templates that match.
func refuse(code uint, match func(call string, attrs []*pkcs11.Attribute) bool) func(hsm.PKCS11) hsm.PKCS11 {
	return func(m hsm.PKCS11) hsm.PKCS11 {
		return templates{m, func(call string, attrs []*pkcs11.Attribute) ([]*pkcs11.Attribute, error) {
			if match(call, attrs) {
				return nil, pkcs11.Error(code)
			}
			return attrs, nil
		}}
	}
}

// forget makes a layer that drops an attribute from the templates of a call.
func forget(typ uint) func(hsm.PKCS11) hsm.PKCS11 {
	return func(m hsm.PKCS11) hsm.PKCS11 {
		return templates{m, func(_ string, attrs []*pkcs11.Attribute) ([]*pkcs11.Attribute, error) {
			return drop(attrs, typ), nil
		}}
	}
}

// renamed has RFC 3394 under a number of its vendor's.
type renamed struct{ hsm.PKCS11 }

const vendorKeyWrap = 0x80000170

func (r renamed) GetMechanismList(slot uint) ([]*pkcs11.Mechanism, error) {
	list, err := without{r.PKCS11, []uint{pkcs11.CKM_AES_KEY_WRAP, pkcs11.CKM_AES_KEY_WRAP_PAD}}.GetMechanismList(slot)
	return append(list, pkcs11.NewMechanism(vendorKeyWrap, nil)), err
}

func (renamed) rename(m []*pkcs11.Mechanism) []*pkcs11.Mechanism {
	if m[0].Mechanism == vendorKeyWrap {
		return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_WRAP, nil)}
	}
	return m
}

func (r renamed) WrapKey(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, w, k pkcs11.ObjectHandle) ([]byte, error) {
	return r.PKCS11.WrapKey(s, r.rename(m), w, k)
}

func (r renamed) UnwrapKey(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle, b []byte, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return r.PKCS11.UnwrapKey(s, r.rename(m), k, b, a)
}

// others are tokens that differ from SoftHSM, and what has to be chosen for them.
var others = []struct {
	name      string
	layer     func(hsm.PKCS11) hsm.PKCS11
	operation string
	want      string
}{
	{"clear import of secret keys forbidden",
		refuse(pkcs11.CKR_TEMPLATE_INCONSISTENT, func(call string, _ []*pkcs11.Attribute) bool { return call == "create" }),
		"ImportKEK", "transport-key"},
	{"private session keys mandatory",
		refuse(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID, func(_ string, a []*pkcs11.Attribute) bool {
			return bytes.Equal(valueOf(a, pkcs11.CKA_PRIVATE), []byte{0})
		}),
		"key templates", "private session keys, empty CKA_CHECK_VALUE, CKA_COPYABLE=0"},
	{"RFC 3394 under a vendor's number",
		func(m hsm.PKCS11) hsm.PKCS11 { return renamed{m} },
		"WrapUnderMaster", "0x80000170, no CKA_VALUE_LEN"},
	{"unwrap templates of RSA keys unknown",
		func(m hsm.PKCS11) hsm.PKCS11 { return bareRSA{m} },
		"GenerateRSA", "no template"},
}

// bareRSA does not know CKA_UNWRAP_TEMPLATE on private keys.
type bareRSA struct{ hsm.PKCS11 }

func (b bareRSA) CreateObject(s pkcs11.SessionHandle, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if has(a, pkcs11.CKA_PRIVATE_EXPONENT) {
		a = drop(a, pkcs11.CKA_UNWRAP_TEMPLATE)
	}
	return b.PKCS11.CreateObject(s, a)
}

func TestOtherTokensGetOtherStrategies(t *testing.T) {
	for _, tt := range others {
		t.Run(tt.name, func(t *testing.T) {
			h := hsmtest.Open(t, tt.layer(hsmtest.Module(t)), hsmtest.Token(t))
			if got := chosen(h)[tt.operation]; got != tt.want {
				t.Errorf("%s: %q, want %q", tt.operation, got, tt.want)
			}
			do(t, h, func(s *hsm.Session) {
				r := sealOne(t, s, 32)
				get(s.OpenRow(r.dbk, r.bind, r.row, 32))(t)
				get(s.DeriveTokenKey(get(s.ImportKEK(random(32)))(t), r.c, 32))(t)
			})
		})
	}
}

// rawUnwrap is a token that derives no key which can leave, and unwraps raw AES: it
// knows the keys whose values it was given.
type rawUnwrap struct {
	hsm.PKCS11
	values map[pkcs11.ObjectHandle][]byte
}

func (r rawUnwrap) CreateObject(s pkcs11.SessionHandle, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	o, err := r.PKCS11.CreateObject(s, a)
	r.values[o] = bytes.Clone(valueOf(a, pkcs11.CKA_VALUE))
	return o, err
}

func (r rawUnwrap) DeriveKey(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if bytes.Equal(valueOf(a, pkcs11.CKA_EXTRACTABLE), []byte{1}) {
		return 0, pkcs11.Error(pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	return r.PKCS11.DeriveKey(s, m, k, a)
}

func (r rawUnwrap) UnwrapKey(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle, b []byte, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if m[0].Mechanism != pkcs11.CKM_AES_ECB {
		return r.PKCS11.UnwrapKey(s, m, k, b, a)
	}
	value := ecbDecrypt(r.values[k], b)
	if length := valueOf(a, pkcs11.CKA_VALUE_LEN); length != nil {
		value = value[:length[0]]
	}
	return r.PKCS11.CreateObject(s, append(drop(a, pkcs11.CKA_VALUE_LEN), pkcs11.NewAttribute(pkcs11.CKA_VALUE, value)))
}

func TestDirectionDecForTokensWithoutTheDerivation(t *testing.T) {
	m, cfg := newEmulator(t)
	h := hsmtest.Open(t, rawUnwrap{m, map[pkcs11.ObjectHandle][]byte{}}, cfg)
	if h.Direction() != reference.Decrypt || chosen(h)["DeriveTokenKey"] != "dec" {
		t.Fatalf("direction %d by %q", h.Direction(), chosen(h)["DeriveTokenKey"])
	}
	do(t, h, func(s *hsm.Session) {
		kek, c, trk := random(32), random(64), random(32)
		tok := get(s.DeriveTokenKey(get(s.ImportKEK(kek))(t), c, 64))(t)
		blob := get(s.ExportUnderTransport(newPeer(t, s).bring(t, s, trk, hsm.TRKWrap), tok))(t)
		if got := get(unwrap(trk, blob))(t); !bytes.Equal(got, ecbDecrypt(kek, c)) {
			t.Error("TOK is not AES-ECB-decrypt(KEK, C)")
		}
	})
}

// repeating makes the same generic secret every time.
type repeating struct{ hsm.PKCS11 }

func (r repeating) GenerateKey(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if m[0].Mechanism != pkcs11.CKM_GENERIC_SECRET_KEY_GEN {
		return r.PKCS11.GenerateKey(s, m, a)
	}
	value := pkcs11.NewAttribute(pkcs11.CKA_VALUE, bytes.Repeat([]byte{7}, 32))
	return r.PKCS11.CreateObject(s, append(drop(a, pkcs11.CKA_VALUE_LEN), value))
}

// sensitive makes every key sensitive that it unwraps, whatever the template says.
type sensitive struct{ hsm.PKCS11 }

func (s sensitive) UnwrapKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle, b []byte, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return s.PKCS11.UnwrapKey(sh, m, k, b, append(drop(a, pkcs11.CKA_SENSITIVE), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true)))
}

// An unwrap template also holds where the token puts right what it should refuse.
func TestATokenThatPutsATemplateRight(t *testing.T) {
	m, cfg := newEmulator(t)
	if h := hsmtest.Open(t, sensitive{m}, cfg); chosen(h)["GenerateMasterKey"] != "unwrap-template" {
		t.Errorf("by %q", chosen(h)["GenerateMasterKey"])
	}
}

// stuck draws the same random bytes every time.
type stuck struct{ hsm.PKCS11 }

func (stuck) GenerateRandom(_ pkcs11.SessionHandle, n int) ([]byte, error) {
	return make([]byte, n), nil
}

// unfit are tokens that no strategy mends, and an operation that must be named.
var unfit = []struct {
	name      string
	layer     func(hsm.PKCS11) hsm.PKCS11
	operation string
	why       string
}{
	{"no ECB derivation", hide(pkcs11.CKM_AES_ECB_ENCRYPT_DATA), "SealRow", "does not list CKM_AES_ECB_ENCRYPT_DATA"},
	{"no RFC 3394, only its neighbour", hide(pkcs11.CKM_AES_KEY_WRAP), "WrapUnderMaster", "CKM_AES_KEY_WRAP"},
	{"no OAEP", hide(pkcs11.CKM_RSA_PKCS_OAEP), "OAEPUnwrap", "does not list CKM_RSA_PKCS_OAEP"},
	{"no HMAC with SHA-1", hide(pkcs11.CKM_SHA_1_HMAC), "MAC", "does not list CKM_SHA_1_HMAC"},
	{"unwrap templates not enforced", forget(pkcs11.CKA_UNWRAP_TEMPLATE), "GenerateMasterKey", "does not hold attribute"},
	{"check values always published", forget(pkcs11.CKA_CHECK_VALUE), "key templates", "publishes a check value"},
	{"sensitive keys readable", func(m hsm.PKCS11) hsm.PKCS11 { return readable{m} }, "key templates", "can be read"},
	{"usages can be added", forget(pkcs11.CKA_MODIFIABLE), "key templates", "a usage can be added"},
	{"generated keys repeat", func(m hsm.PKCS11) hsm.PKCS11 { return repeating{m} }, "GenerateKey", "are the same"},
	{"random bytes repeat", func(m hsm.PKCS11) hsm.PKCS11 { return stuck{m} }, "Random", "are the same"},
}

func hide(mechanisms ...uint) func(hsm.PKCS11) hsm.PKCS11 {
	return func(m hsm.PKCS11) hsm.PKCS11 { return without{m, mechanisms} }
}

// readable answers every question for a value.
type readable struct{ hsm.PKCS11 }

func (r readable) GetAttributeValue(s pkcs11.SessionHandle, o pkcs11.ObjectHandle, a []*pkcs11.Attribute) ([]*pkcs11.Attribute, error) {
	if has(a, pkcs11.CKA_VALUE) {
		return []*pkcs11.Attribute{{Type: pkcs11.CKA_VALUE, Value: make([]byte, 32)}}, nil
	}
	return r.PKCS11.GetAttributeValue(s, o, a)
}

func TestUnfitTokensAreRefusedWithATable(t *testing.T) {
	for _, tt := range unfit {
		t.Run(tt.name, func(t *testing.T) {
			_, err := hsm.Open(context.Background(), tt.layer(hsmtest.Module(t)), hsmtest.Token(t))
			var missing *hsm.MissingError
			if !errors.As(err, &missing) {
				t.Fatalf("open: %v", err)
			}
			i := slices.IndexFunc(missing.Rows, func(m hsm.Missing) bool {
				return m.Operation == tt.operation && strings.Contains(m.Why, tt.why)
			})
			if i < 0 {
				t.Errorf("no row of %s says %q:\n%v", tt.operation, tt.why, err)
			}
			if lines := strings.Split(err.Error(), "\n"); len(lines) != len(missing.Rows)+2 || !strings.HasPrefix(lines[1], "operation") {
				t.Errorf("not a table of one line for each row:\n%v", err)
			}
		})
	}
}

func TestAuthenticationServerNeedsNoDerivation(t *testing.T) {
	m, cfg := hide(pkcs11.CKM_AES_ECB_ENCRYPT_DATA)(hsmtest.Module(t)), hsmtest.Token(t)
	cfg.Role = hsm.AuthServer
	h := hsmtest.Open(t, m, cfg)
	if choices := chosen(h); choices["SealRow"] != "" || choices["WrapUnderMaster"] == "" {
		t.Errorf("choices: %v", choices)
	}
}

// named are the attributes that a token must not choose by itself.
var named = append([]uint{
	pkcs11.CKA_CLASS, pkcs11.CKA_KEY_TYPE, pkcs11.CKA_TOKEN, pkcs11.CKA_PRIVATE, pkcs11.CKA_SENSITIVE,
	pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_MODIFIABLE, pkcs11.CKA_COPYABLE,
}, usageFlags...)

func TestEveryTemplateIsComplete(t *testing.T) {
	for _, tok := range tokens {
		t.Run(tok.name, func(t *testing.T) {
			m, cfg := tok.make(t)
			calls := map[string]int{}
			h := hsmtest.Open(t, templates{m, func(call string, attrs []*pkcs11.Attribute) ([]*pkcs11.Attribute, error) {
				calls[call]++
				for _, typ := range named {
					if !has(attrs, typ) {
						t.Errorf("%s leaves attribute 0x%X to the token", call, typ)
					}
				}
				return attrs, nil
			}}, cfg)
			do(t, h, func(s *hsm.Session) {
				r := sealOne(t, s, 32)
				p := newPeer(t, s)
				get(s.OpenRow(r.dbk, r.bind, r.row, 32))(t)
				get(s.DeriveTokenKey(get(s.ImportKEK(random(32)))(t), r.c, 32))(t)
				get(s.KeepAs("PLK", hsm.SignMAC, get(s.GenerateForTransport(hsm.SignMAC))(t)))(t)
				p.bring(t, s, random(32), hsm.TRKUnwrap)
			})
			for _, call := range []string{"generate", "create", "unwrap", "derive"} {
				if calls[call] == 0 {
					t.Errorf("no key was made by %s", call)
				}
			}
		})
	}
}
