package needle_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/needle"
	"github.com/epsbench/epsbench/emulator/token"
)

// canary is an AES key.
var canary = []byte("canary-key-0b1c9")

// open gives a token behind the layer, with a session of its user. Where it is closed,
// the layer sees a module that tells nothing of its keys.
func open(t *testing.T, closed bool) (cryptoki.Module, pkcs11.SessionHandle, *[]needle.Needle) {
	t.Helper()
	tok, err := token.New(token.Config{Label: "n", SOPIN: "87654321", UserPIN: "123456"})
	if err != nil {
		t.Fatal(err)
	}
	var behind cryptoki.Module = tok
	if closed {
		behind = struct{ cryptoki.Module }{tok}
	}
	var got []needle.Needle
	m := needle.New(behind, func(n needle.Needle) { got = append(got, n) })
	must(t, m.Initialize())
	sh, err := m.OpenSession(0, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	must(t, err)
	must(t, m.Login(sh, pkcs11.CKU_USER, "123456"))
	return m, sh, &got
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mech(m uint, p any) []*pkcs11.Mechanism { return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, p)} }

func key(t *testing.T, m cryptoki.Module, sh pkcs11.SessionHandle, sensitive bool) pkcs11.ObjectHandle {
	t.Helper()
	k, err := m.CreateObject(sh, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, canary),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, sensitive),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, !sensitive),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, true),
	})
	must(t, err)
	return k
}

func froms(ns []needle.Needle) string {
	var out []string
	for _, n := range ns {
		out = append(out, n.From)
	}
	return strings.Join(out, " ")
}

func TestATokenThatKnowsTellsEveryKeyItMakes(t *testing.T) {
	m, sh, got := open(t, false)
	inside := key(t, m, sh, false)
	wrapping, err := m.GenerateKey(sh, mech(pkcs11.CKM_AES_KEY_GEN, nil), []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, true), pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, true)})
	must(t, err)
	wrapped, err := m.WrapKey(sh, mech(pkcs11.CKM_AES_KEY_WRAP, nil), wrapping, inside)
	must(t, err)
	secret := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true)}
	_, err = m.UnwrapKey(sh, mech(pkcs11.CKM_AES_KEY_WRAP, nil), wrapping, wrapped, secret)
	must(t, err)
	wrapped[0] ^= 1
	if _, err := m.UnwrapKey(sh, mech(pkcs11.CKM_AES_KEY_WRAP, nil), wrapping, wrapped, secret); err == nil {
		t.Fatal("a changed key was unwrapped")
	}
	_, err = m.CopyObject(sh, inside, nil)
	must(t, err)
	if froms(*got) != "C_CreateObject C_GenerateKey C_UnwrapKey C_CopyObject" {
		t.Fatalf("got %v", *got)
	}
	for i, n := range *got {
		if i == 1 && len(n.Value()) != 32 || i != 1 && !bytes.Equal(n.Value(), canary) {
			t.Errorf("%v is another value", n)
		}
	}
}

func TestThePrivateHalfOfAPairIsToldByItsName(t *testing.T) {
	for _, closed := range []bool{false, true} {
		m, sh, got := open(t, closed)
		_, private, err := m.GenerateKeyPair(sh, mech(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil),
			[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, 1024), pkcs11.NewAttribute(pkcs11.CKA_LABEL, "public half")},
			[]*pkcs11.Attribute{
				pkcs11.NewAttribute(pkcs11.CKA_LABEL, "pair"), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
				pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true), pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, true)})
		must(t, err)
		if closed {
			if len(*got) != 0 {
				t.Errorf("a module that tells nothing has told %v", *got)
			}
			continue
		}
		exponent, err := m.GetAttributeValue(sh, private, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_PRIVATE_EXPONENT, nil)})
		must(t, err)
		if n := (*got)[0]; len(*got) != 1 || n.Label != "pair" || n.Key != uint(private) || !bytes.Equal(n.Value(), exponent[0].Value) {
			t.Errorf("got %v", *got)
		}
	}
}

func TestOfAnyModuleWhatPassesInClearIsKept(t *testing.T) {
	m, sh, got := open(t, true)
	k := key(t, m, sh, false)
	_, err := m.GetAttributeValue(sh, k, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
	must(t, err)
	_, err = cryptoki.Extend(m).AttributeValues(sh, k, []uint{pkcs11.CKA_LABEL, pkcs11.CKA_VALUE})
	must(t, err)
	must(t, m.EncryptInit(sh, mech(pkcs11.CKM_AES_ECB, nil), k))
	sealed, err := m.Encrypt(sh, canary)
	must(t, err)
	must(t, m.DecryptInit(sh, mech(pkcs11.CKM_AES_ECB, nil), k))
	_, err = m.Decrypt(sh, sealed)
	must(t, err)
	_, err = m.GenerateKey(sh, mech(pkcs11.CKM_AES_KEY_GEN, nil), []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32)})
	must(t, err)
	if froms(*got) != "C_CreateObject C_GetAttributeValue C_GetAttributeValue C_Decrypt" {
		t.Fatalf("got %v", *got)
	}
	for _, n := range *got {
		if !bytes.Equal(n.Value(), canary) {
			t.Errorf("%v is another value", n)
		}
	}
}

func TestASensitiveKeyThatIsReadGivesNothing(t *testing.T) {
	m, sh, got := open(t, true)
	k := key(t, m, sh, true)
	*got = nil
	if _, err := m.GetAttributeValue(sh, k, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)}); err == nil {
		t.Fatal("a sensitive value was read")
	}
	if _, err := cryptoki.Extend(m).AttributeValues(sh, k, []uint{pkcs11.CKA_VALUE}); err == nil || len(*got) != 0 {
		t.Errorf("%v, %v", *got, err)
	}
}

func TestANeedleShowsNoValue(t *testing.T) {
	m, sh, got := open(t, false)
	key(t, m, sh, true)
	n := (*got)[0]
	text, err := json.Marshal(struct {
		N needle.Needle
		P *needle.Needle
	}{n, &n})
	must(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("found", "n", n, "all", *got)
	shown := fmt.Sprintf("%v %+v %#v %s %x %q %d %v %+v %#v", n, n, n, n, n, n, n, &n, *got, struct{ N needle.Needle }{n}) + string(text) + log.String()
	for _, secret := range []string{string(canary), fmt.Sprintf("%x", canary), strings.Trim(fmt.Sprint(canary), "[]")} {
		if strings.Contains(shown, secret) {
			t.Errorf("the value is in %s", shown)
		}
	}
	if !strings.Contains(shown, n.Digest()) {
		t.Errorf("no digest in %s", shown)
	}
	if n.Clear(); bytes.Equal(n.Value(), canary) {
		t.Error("the value is there after Clear")
	}
}
