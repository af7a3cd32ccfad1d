package mutants

import (
	"crypto/sha256"
	"runtime"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference/mpp"
)

// provisioningHSM are the mutants of what the HSM does with a request.
var provisioningHSM = []Mutant{
	{
		Name:   "the EPS chooses K1",
		About:  "C is wrapped under a key of the EPS's own instead of one derived from the phone's S.",
		Claims: []string{"ST-6.3-2"},
		Reason: "W does not unwrap",
		Break:  onceServing(func(m cryptoki.Module) cryptoki.Module { return ownK1{m} }),
	},
	{
		Name:   "K1 is K2",
		About:  "Both keys of a session are derived under one label.",
		Claims: []string{"ST-KEY-K1K2"},
		Reason: "W does not unwrap",
		Break:  onceServing(func(m cryptoki.Module) cryptoki.Module { return oneLabel{m} }),
	},
	{
		Name:   "any OAEP hash will do",
		About:  "An RSA block that does not open with the suite's hash is tried with SHA-1.",
		Claims: []string{"ST-6.3-3"},
		Reason: "a secret in the other OAEP hash",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return lenientOAEP{m} }),
	},
	{
		Name:   "the private key can leave the HSM",
		About:  "The EPS's RSA pair is made extractable.",
		Claims: []string{"ST-6.3-4"},
		Reason: "the private key: CKA_EXTRACTABLE",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return openPair{m} }),
	},
	{
		Name:   "the private key is used twice",
		About:  "The EPS opens each RSA block a second time.",
		Claims: []string{"ST-6.3-4"},
		Reason: "uses of the private key in one provisioning",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return twiceOpened{m} }),
	},
	{
		Name:   "K1 can leave the HSM",
		About:  "K_c is derived as an extractable key.",
		Claims: []string{"ST-6.3-6"},
		Reason: "can leave the HSM",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return openK1{m} }),
	},
	{
		Name:   "the key of the answer does not depend on its header",
		About:  "The HMAC under K_t from which K_rsp comes leaves out version, suite, key id and request hash.",
		Claims: []string{"ST-6.3-6", "ST-6.3-8"},
		Reason: "the tag does not check",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return headless{m} }),
	},
}

// onceServing puts a layer on the EPS's derivations after it has probed its HSM with
// known answers, which would not let it start.
func onceServing(layer func(cryptoki.Module) cryptoki.Module) func(*Seams) {
	return func(s *Seams) {
		var serving atomic.Bool
		s.MPP = func(*mpp.Parts) { serving.Store(true) }
		onModule("eps", func(m cryptoki.Module) cryptoki.Module { return lateDerivations{m, layer(m), &serving} })(s)
	}
}

type lateDerivations struct {
	cryptoki.Module
	broken  cryptoki.Module
	serving *atomic.Bool
}

func (m lateDerivations) DeriveKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if m.serving.Load() {
		return m.broken.DeriveKey(sh, mechanism, base, t)
	}
	return m.Module.DeriveKey(sh, mechanism, base, t)
}

// derives says whether a derivation is that of K_t or K_c (PROTOCOL.md §3).
func derives(mechanism []*pkcs11.Mechanism, label string) bool {
	if len(mechanism) != 1 || mechanism[0].Mechanism != pkcs11.CKM_AES_ECB_ENCRYPT_DATA {
		return false
	}
	data, err := cryptoki.DerivationData(mechanism[0])
	return err == nil && string(data) == string(labelled(label))
}

func labelled(label string) []byte {
	sum := sha256.Sum256([]byte("epsbench-mpp/2 " + label))
	return sum[:]
}

type ownK1 struct{ cryptoki.Module }

func (m ownK1) DeriveKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if !derives(mechanism, "K_c") {
		return m.Module.DeriveKey(sh, mechanism, base, t)
	}
	return m.GenerateKey(sh, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, t)
}

type oneLabel struct{ cryptoki.Module }

func (m oneLabel) DeriveKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if derives(mechanism, "K_c") {
		var pin runtime.Pinner
		defer pin.Unpin()
		parameter := cryptoki.PinDerivationData(&pin, labelled("K_t"))
		mechanism = []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_ECB_ENCRYPT_DATA, parameter)}
	}
	return m.Module.DeriveKey(sh, mechanism, base, t)
}

type lenientOAEP struct{ cryptoki.Module }

func (m lenientOAEP) UnwrapKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, under pkcs11.ObjectHandle, blob []byte, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	key, err := m.Module.UnwrapKey(sh, mechanism, under, blob, t)
	if err == nil || mechanism[0].Mechanism != pkcs11.CKM_RSA_PKCS_OAEP {
		return key, err
	}
	sha1 := pkcs11.NewOAEPParams(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, pkcs11.CKZ_DATA_SPECIFIED, nil)
	return m.Module.UnwrapKey(sh, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP, sha1)}, under, blob, t)
}

type openPair struct{ cryptoki.Module }

func (m openPair) GenerateKeyPair(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, public, private []*pkcs11.Attribute) (pkcs11.ObjectHandle, pkcs11.ObjectHandle, error) {
	return m.Module.GenerateKeyPair(sh, mechanism, public, with(private, pkcs11.CKA_EXTRACTABLE, []byte{1}))
}

type twiceOpened struct{ cryptoki.Module }

func (m twiceOpened) UnwrapKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, under pkcs11.ObjectHandle, blob []byte, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if mechanism[0].Mechanism == pkcs11.CKM_RSA_PKCS_OAEP {
		if first, err := m.Module.UnwrapKey(sh, mechanism, under, blob, t); err == nil {
			_ = m.DestroyObject(sh, first) // the session ends with it otherwise
		}
	}
	return m.Module.UnwrapKey(sh, mechanism, under, blob, t)
}

type openK1 struct{ cryptoki.Module }

func (m openK1) DeriveKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if derives(mechanism, "K_c") {
		t = with(t, pkcs11.CKA_EXTRACTABLE, []byte{1})
	}
	return m.Module.DeriveKey(sh, mechanism, base, t)
}

type headless struct{ cryptoki.Module }

func (m headless) Sign(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
	const rsp = "rsp" // PROTOCOL.md §3
	if len(data) == len(rsp)+sha256.Size && string(data[:len(rsp)]) == rsp {
		data = append([]byte(rsp), make([]byte, sha256.Size)...)
	}
	return m.Module.Sign(sh, data)
}
