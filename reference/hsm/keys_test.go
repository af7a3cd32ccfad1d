package hsm_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"slices"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
)

var usageFlags = []uint{
	pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT, pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY,
	pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP, pkcs11.CKA_DERIVE,
}

// object is a permanent key as somebody else with the login sees it.
type object struct {
	m       hsm.PKCS11
	session pkcs11.SessionHandle
	handle  pkcs11.ObjectHandle
}

// lookUp finds the one permanent object of that label and class, in a session of its own.
func lookUp(t testing.TB, m hsm.PKCS11, label string, class uint) object {
	t.Helper()
	session := rawSession(t, m)
	must(t, m.FindObjectsInit(session, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_CLASS, class),
	}))
	found, _, err := m.FindObjects(session, 2)
	must(t, err)
	must(t, m.FindObjectsFinal(session))
	if len(found) != 1 {
		t.Fatalf("%d objects are labelled %s", len(found), label)
	}
	return object{m, session, found[0]}
}

// rawSession is a session beside the pool's; the login is the process's.
func rawSession(t testing.TB, m hsm.PKCS11) pkcs11.SessionHandle {
	t.Helper()
	return get(m.OpenSession(slotOf(t, m), pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION))(t)
}

// slotOf is the slot whose token is logged in to: the newest.
func slotOf(t testing.TB, m hsm.PKCS11) uint {
	t.Helper()
	for _, slot := range slices.Backward(get(m.GetSlotList(true))(t)) {
		s, err := m.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
		if err != nil {
			continue
		}
		info := get(m.GetSessionInfo(s))(t)
		must(t, m.CloseSession(s))
		if info.State == pkcs11.CKS_RO_USER_FUNCTIONS {
			return slot
		}
	}
	t.Fatal("nobody is logged in")
	return 0
}

func (o object) read(typ uint) ([]byte, error) {
	attrs, err := o.m.GetAttributeValue(o.session, o.handle, []*pkcs11.Attribute{pkcs11.NewAttribute(typ, nil)})
	if err != nil {
		return nil, err
	}
	return attrs[0].Value, nil
}

func (o object) flag(t testing.TB, typ uint) bool {
	t.Helper()
	v := get(o.read(typ))(t)
	return len(v) == 1 && v[0] == 1
}

// uses are those of flags that are set.
func (o object) uses(t testing.TB, flags ...uint) (set []uint) {
	t.Helper()
	for _, f := range flags {
		if o.flag(t, f) {
			set = append(set, f)
		}
	}
	return set
}

var permanent = []struct {
	label string
	use   hsm.Usage
	uses  []uint
}{
	{"MK-DBK", hsm.MKDBK, []uint{pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP}},
	{"MK-TRK", hsm.MKTRK, []uint{pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP}},
	{"ASK", hsm.ASK, []uint{pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP}},
	{"IDX", hsm.SignMAC, []uint{pkcs11.CKA_SIGN}},
	{"PLK-R", hsm.VerifyMAC, []uint{pkcs11.CKA_VERIFY}},
}

func TestPermanentKeysNeverLeaveAndKeepTheirOneUse(t *testing.T) {
	onEach(t, func(t *testing.T, m hsm.PKCS11, h *hsm.HSM) {
		for _, k := range permanent {
			t.Run(k.label, func(t *testing.T) {
				do(t, h, func(s *hsm.Session) { get(s.GenerateKey(k.label, k.use))(t) })
				o := lookUp(t, m, k.label, pkcs11.CKO_SECRET_KEY)
				staysInside(t, o)
				if got := o.uses(t, usageFlags...); !slices.Equal(got, k.uses) {
					t.Errorf("usage %x, want %x", got, k.uses)
				}
				gainsNothing(t, o, k.uses)
			})
		}
	})
}

// staysInside: nothing reads the key out, nor says anything about it.
func staysInside(t *testing.T, o object) {
	t.Helper()
	for typ, want := range map[uint]bool{
		pkcs11.CKA_TOKEN: true, pkcs11.CKA_PRIVATE: true, pkcs11.CKA_SENSITIVE: true, pkcs11.CKA_ALWAYS_SENSITIVE: true,
		pkcs11.CKA_EXTRACTABLE: false, pkcs11.CKA_NEVER_EXTRACTABLE: true, pkcs11.CKA_MODIFIABLE: false, pkcs11.CKA_COPYABLE: false,
	} {
		if o.flag(t, typ) != want {
			t.Errorf("attribute 0x%X is not %v", typ, want)
		}
	}
	if v, err := o.read(pkcs11.CKA_VALUE); err == nil {
		t.Errorf("the value can be read: %d bytes", len(v))
	}
	if v, err := o.read(pkcs11.CKA_CHECK_VALUE); err == nil && len(v) > 0 {
		t.Error("a check value is published")
	}
}

// gainsNothing: neither the key nor a copy of it gets another usage, or out.
func gainsNothing(t *testing.T, o object, has []uint) {
	t.Helper()
	for _, f := range append(slices.Clone(usageFlags), pkcs11.CKA_EXTRACTABLE) {
		if slices.Contains(has, f) {
			continue
		}
		more := []*pkcs11.Attribute{pkcs11.NewAttribute(f, true)}
		if o.m.SetAttributeValue(o.session, o.handle, more) == nil {
			t.Errorf("the key gets attribute 0x%X", f)
		}
		if _, err := o.m.CopyObject(o.session, o.handle, more); err == nil {
			t.Errorf("a copy gets attribute 0x%X", f)
		}
	}
}

func TestMasterKeysAreNotWrapped(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		do(t, h, func(s *hsm.Session) {
			mk := get(s.GenerateMasterKey("MK-DBK", hsm.MKDBK))(t)
			other := get(s.GenerateMasterKey("MK-TRK", hsm.MKTRK))(t)
			if _, err := s.WrapUnderMaster(mk, mk); err == nil {
				t.Error("a master key wraps itself")
			}
			if _, err := s.WrapUnderMaster(other, mk); err == nil {
				t.Error("a master key wraps another")
			}
		})
	})
}

func TestMasterKeyLetsOutOnlyItsOwnKind(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		kinds := []hsm.Usage{
			hsm.MKDBK, hsm.MKTRK, hsm.DBK, hsm.TRKWrap, hsm.TRKUnwrap, hsm.ASK,
			hsm.SignMAC, hsm.VerifyMAC, hsm.ImportKey, hsm.KCV,
		}
		do(t, h, func(s *hsm.Session) {
			for master, own := range map[hsm.Usage]hsm.Usage{hsm.MKDBK: hsm.DBK, hsm.MKTRK: hsm.TRKWrap} {
				mk := get(s.GenerateMasterKey(master.String(), master))(t)
				blob := get(s.GenerateWrapped(mk, own))(t)
				for _, use := range kinds {
					_, err := s.UnwrapUnderMaster(mk, blob, use)
					if (err == nil) != (use == own) {
						t.Errorf("%s unwraps a %s: %v", master, use, err)
					}
				}
			}
		})
	})
}

func TestWrappedKeyOpensOnlyWholeAndUnderItsMaster(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		do(t, h, func(s *hsm.Session) {
			mk := get(s.GenerateMasterKey("MK-DBK", hsm.MKDBK))(t)
			other := get(s.GenerateMasterKey("other", hsm.MKDBK))(t)
			blob := get(s.GenerateWrapped(mk, hsm.DBK))(t)
			for i := range blob {
				bad := bytes.Clone(blob)
				bad[i] ^= 0x80
				if _, err := s.UnwrapUnderMaster(mk, bad, hsm.DBK); err == nil {
					t.Errorf("a blob changed at byte %d opens", i)
				}
			}
			for n := range blob {
				if _, err := s.UnwrapUnderMaster(mk, blob[:n], hsm.DBK); err == nil {
					t.Errorf("a blob cut to %d bytes opens", n)
				}
			}
			if _, err := s.UnwrapUnderMaster(other, blob, hsm.DBK); err == nil {
				t.Error("a blob opens under another master key")
			}
		})
	})
}

func TestRSAPairsOnlyUnwrap(t *testing.T) {
	onEach(t, func(t *testing.T, m hsm.PKCS11, h *hsm.HSM) {
		do(t, h, func(s *hsm.Session) {
			private, public, err := s.GenerateRSA("MPP/2", 2048, hsm.UnwrapRequest)
			must(t, err)
			if found := get(s.Find("MPP/2"))(t); found != private {
				t.Error("another private key is found")
			}
			if read := get(s.PublicKey("MPP/2"))(t); !read.Equal(public) || public.E != 65537 || public.N.BitLen() != 2048 {
				t.Errorf("public key of %d bits, exponent %d", read.N.BitLen(), read.E)
			}
		})
		o := lookUp(t, m, "MPP/2", pkcs11.CKO_PRIVATE_KEY)
		if got := o.uses(t, pkcs11.CKA_DECRYPT, pkcs11.CKA_SIGN, pkcs11.CKA_SIGN_RECOVER, pkcs11.CKA_UNWRAP, pkcs11.CKA_DERIVE); !slices.Equal(got, []uint{pkcs11.CKA_UNWRAP}) {
			t.Errorf("usage %x", got)
		}
		if !o.flag(t, pkcs11.CKA_SENSITIVE) || o.flag(t, pkcs11.CKA_EXTRACTABLE) || o.flag(t, pkcs11.CKA_MODIFIABLE) {
			t.Error("the private key can leave or be changed")
		}
		if got := lookUp(t, m, "MPP/2", pkcs11.CKO_PUBLIC_KEY); got.flag(t, pkcs11.CKA_ENCRYPT) || got.flag(t, pkcs11.CKA_WRAP) || got.flag(t, pkcs11.CKA_VERIFY) {
			t.Error("the public half is used in the token")
		}
	})
}

func TestRequestPairLetsOutOnlyS(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		do(t, h, func(s *hsm.Session) {
			private, public, err := s.GenerateRSA("", 2048, hsm.UnwrapRequest)
			must(t, err)
			blob := encrypt(t, public, s.OAEPSuite(), random(32))
			for _, use := range []hsm.Usage{hsm.KCV, hsm.SignMAC, hsm.ImportKey, hsm.TRKWrap} {
				if _, err := s.OAEPUnwrap(private, s.OAEPSuite(), blob, use, ""); err == nil {
					t.Errorf("S can be unwrapped as %s", use)
				}
			}
		})
	})
}

func TestFindWantsExactlyOne(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		do(t, h, func(s *hsm.Session) {
			if _, err := s.Find("IDX"); !errors.Is(err, reference.ErrNotFound) {
				t.Errorf("none: %v", err)
			}
			key := get(s.GenerateKey("IDX", hsm.SignMAC))(t)
			if got := get(s.Find("IDX"))(t); got != key {
				t.Error("another key is found")
			}
			get(s.GenerateKey("IDX", hsm.SignMAC))(t)
			if _, err := s.Find("IDX"); err == nil || errors.Is(err, reference.ErrNotFound) {
				t.Errorf("two: %v", err)
			}
			must(t, s.Remove("IDX"))
			if _, err := s.Find("IDX"); !errors.Is(err, reference.ErrNotFound) {
				t.Errorf("after Remove: %v", err)
			}
		})
	})
}

func TestKeptTwinCannotLeave(t *testing.T) {
	onEach(t, func(t *testing.T, m hsm.PKCS11, h *hsm.HSM) {
		var blob, signed []byte
		do(t, h, func(s *hsm.Session) {
			mk := newPeer(t, s)
			key := get(s.GenerateForTransport(hsm.SignMAC))(t)
			if _, err := s.MAC(key, crypto.SHA256, nil); err == nil {
				t.Error("a key on its way signs")
			}
			blob = get(s.OAEPWrap(mk.public, s.OAEPSuite(), key))(t)
			get(s.KeepAs("PLK", hsm.SignMAC, key))(t)
			signed = get(s.MAC(get(s.Find("PLK"))(t), crypto.SHA256, []byte("x")))(t)
			must(t, s.VerifyMAC(get(s.OAEPUnwrap(mk.private, s.OAEPSuite(), blob, hsm.VerifyMAC, ""))(t), crypto.SHA256, []byte("x"), signed))
		})
		o := lookUp(t, m, "PLK", pkcs11.CKO_SECRET_KEY)
		if o.flag(t, pkcs11.CKA_EXTRACTABLE) || !o.flag(t, pkcs11.CKA_SENSITIVE) || !slices.Equal(o.uses(t, usageFlags...), []uint{pkcs11.CKA_SIGN}) {
			t.Errorf("the twin can leave, or does more than sign: %x", o.uses(t, usageFlags...))
		}
	})
}

func TestKeyCheckValueComesFromEncryptingZeros(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		do(t, h, func(s *hsm.Session) {
			value := random(32)
			p := newPeer(t, s)
			got := get(s.CheckValue(p.bring(t, s, value, hsm.KCV)))(t)
			if want := ecb(value, make([]byte, 16))[:3]; !bytes.Equal(got, want) {
				t.Errorf("KCV %X, want %X", got, want)
			}
			if _, err := s.CheckValue(p.bring(t, s, value, hsm.TRKWrap)); err == nil {
				t.Error("a key that wraps encrypts too")
			}
		})
	})
}

func TestKEKAndTOKAndCPublishNoCheckValue(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		do(t, h, func(s *hsm.Session) {
			c := random(32)
			kek := get(s.ImportKEK(random(32)))(t)
			for name, key := range map[string]hsm.Key{
				"KEK": kek, "C": get(s.ImportC(c))(t), "TOK": get(s.DeriveTokenKey(kek, c, 32))(t),
			} {
				if err := s.CheckValueEmpty(key); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	})
}

// The positive control: SoftHSM publishes SHA-1(value)[:3] of a secret that is made
// without an empty CKA_CHECK_VALUE, and CheckValueEmpty sees it.
func TestCheckValueEmptySeesOneThatIsPublished(t *testing.T) {
	m := hsmtest.Module(t)
	h := hsmtest.Open(t, m, hsmtest.Token(t))
	_, err := m.CreateObject(rawSession(t, m), []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, "careless"),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, random(32)),
	})
	must(t, err)
	must(t, h.Do(context.Background(), func(s *hsm.Session) error {
		if s.CheckValueEmpty(get(s.Find("careless"))(t)) == nil {
			t.Error("a published check value goes unseen")
		}
		return nil
	}))
}
