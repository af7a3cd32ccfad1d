package hsm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/miekg/pkcs11"
)

// operation is something that the EPS or the authentication server needs, and the ways
// to do it, best first. The first way whose mechanisms the token lists, and whose known
// answer it gives, is taken.
type operation struct {
	name  string
	role  Role     // who needs it
	after []string // operations that the checks build on
	ways  []way
	notes bool // only reported: a token that does none of it will do
}

// way is a strategy: what it needs, what it makes of the traits, and the proof that the
// token does it right.
type way struct {
	name  string
	needs []uint
	why   string // for the report
	set   func(*traits)
	check func(*probe) error
}

// operations is all that is asked of a token, in the order of probing: a row may use
// what the rows above it found.
var operations = []operation{
	{name: "key templates", ways: templateWays()},
	{name: "GenerateKey", after: after("key templates"), ways: []way{{
		name: "token", needs: []uint{pkcs11.CKM_AES_KEY_GEN, pkcs11.CKM_GENERIC_SECRET_KEY_GEN},
		why: "two generated keys differ", check: (*probe).generatedKeysDiffer}}},
	{name: "Random", ways: []way{{
		name: "mixed", why: "SHA-256 over random bytes of HSM and host", check: (*probe).randomDiffers}}},
	{name: "OAEPUnwrap", after: after("key templates"), ways: oaepWays()},
	{name: "WrapUnderMaster", after: after("OAEPUnwrap"), ways: keyWrapWays()},
	{name: "GenerateMasterKey", after: after("WrapUnderMaster"), ways: []way{{
		name: "unwrap-template", needs: []uint{pkcs11.CKM_AES_KEY_GEN},
		why: "only the intended kind of key comes out", check: (*probe).masterKeyHolds}}},
	{name: "GenerateRSA", after: after("OAEPUnwrap"), ways: []way{
		{name: "unwrap-template", needs: rsaPair, why: "only the intended kind of key comes out",
			set: func(t *traits) { t.rsaTemplate = true }, check: (*probe).rsaTemplateHolds},
		{name: "no template", needs: rsaPair, why: "the token has no unwrap template for RSA keys: whoever holds the login chooses what comes out"},
	}},
	{name: "OAEPWrap", after: after("OAEPUnwrap"), ways: []way{{
		name: "public-key", needs: []uint{pkcs11.CKM_RSA_PKCS_OAEP},
		why: "the peer's public key is a session object", check: (*probe).wrapsToPeer}}},
	{name: "ImportKEK", after: after("WrapUnderMaster"), ways: []way{
		{name: "create-object", why: "C_CreateObject of a sensitive session key",
			set: func(t *traits) { t.importKey = (*Session).create }, check: (*probe).imports},
		{name: "transport-key", needs: rsaPair, why: "RFC 3394 under a key brought in by OAEP",
			set: func(t *traits) { t.importKey = importUnderT }, check: (*probe).imports},
	}},
	{name: "MAC", after: after("ImportKEK"), ways: []way{{
		name: "hmac", needs: []uint{pkcs11.CKM_SHA_1_HMAC, pkcs11.CKM_SHA256_HMAC, pkcs11.CKM_SHA512_HMAC},
		why: "signs and verifies", check: (*probe).macs}}},
	{name: "OpenRequest", role: EPS, after: after("ImportKEK"), ways: []way{{
		name: "ecb-derivation", needs: ecbData,
		why: "S, K_t and K_c are handles", check: (*probe).opensRequest}}},
	{name: DecryptsRequests, role: EPS, notes: true, after: after("ImportKEK", "MAC"), ways: []way{{
		name: "host", needs: []uint{pkcs11.CKM_RSA_PKCS_OAEP},
		why: "K1, K2 and the code of MPP v1 come to the host", check: (*probe).decryptsRequest}}},
	{name: "DeriveTokenKey", role: EPS, after: after("ImportKEK"), ways: []way{
		{name: "enc", needs: ecbData, why: "TOK = AES-ECB-encrypt(KEK, C)",
			set: func(t *traits) { t.token = &encryptC }, check: (*probe).derivesTOK},
		{name: "dec", needs: []uint{pkcs11.CKM_AES_ECB}, why: "TOK = AES-ECB-decrypt(KEK, C), a raw unwrap",
			set: func(t *traits) { t.token = &decryptC }, check: (*probe).derivesTOK},
	}},
	{name: "SealRow", role: EPS, after: after("ImportKEK"), ways: []way{{
		name: "row-kw", needs: ecbData,
		why: "C stays a handle; a row opens only with its own data", check: (*probe).sealsRows}}},
	{name: "SealValue", role: LiteralEPS, after: after("OAEPUnwrap"), ways: []way{{
		name: "cbc", needs: []uint{pkcs11.CKM_AES_CBC, pkcs11.CKM_AES_CBC_PAD},
		why: "as the row format st-2.6.1 has it: C passes through the host, nothing is authenticated", check: (*probe).sealsValues}}},
	{name: "GCM without an IV", notes: true, after: after("ImportKEK"), ways: []way{
		{name: "refused", needs: []uint{pkcs11.CKM_AES_GCM}, why: "not used here", check: (*probe).refusesNoIV},
		{name: "own IV", needs: []uint{pkcs11.CKM_AES_GCM}, why: "not used here", check: (*probe).ivIsNotZero},
		{name: "zero IV", needs: []uint{pkcs11.CKM_AES_GCM}, why: "taken silently, and so not used here"},
	}},
}

var (
	rsaPair = []uint{pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, pkcs11.CKM_RSA_PKCS_OAEP}
	ecbData = []uint{pkcs11.CKM_AES_ECB_ENCRYPT_DATA}
)

func after(operations ...string) []string { return operations }

// templateWays is every mix of what tokens take in a template.
func templateWays() []way {
	var ways []way
	for _, copyable := range []bool{false, true} {
		for _, publishes := range []bool{false, true} {
			for _, private := range []bool{false, true} {
				ways = append(ways, way{
					name: strings.Join([]string{
						either(private, "private session keys", "public session keys"),
						either(publishes, "no CKA_CHECK_VALUE", "empty CKA_CHECK_VALUE"),
						either(copyable, "no CKA_COPYABLE", "CKA_COPYABLE=0"),
					}, ", "),
					why: "values cannot be read, nor usages added",
					set: func(t *traits) {
						t.privateSessions, t.emptyCheckValue, t.notCopyable = private, !publishes, !copyable
					},
					check: (*probe).templateHolds,
				})
			}
		}
	}
	return ways
}

// oaepWays also finds out what the token takes in the template of an unwrapped key.
func oaepWays() []way {
	var ways []way
	for _, suites := range [][]Suite{{OAEPSHA256, OAEPSHA1}, {OAEPSHA256}, {OAEPSHA1}} {
		for _, empty := range []bool{true, false} {
			for _, length := range []bool{true, false} {
				ways = append(ways, way{
					name: strings.Join([]string{
						fmt.Sprint(suites),
						either(length, "CKA_VALUE_LEN", "no CKA_VALUE_LEN"),
						either(empty, "empty CKA_CHECK_VALUE", "no CKA_CHECK_VALUE"),
					}, ", "),
					needs: []uint{pkcs11.CKM_RSA_PKCS_OAEP},
					why:   "without a label",
					set:   func(t *traits) { t.suites, t.oaepLength, t.unwrappedEmpty = suites, length, empty },
					check: (*probe).unwrapsOAEP,
				})
			}
		}
	}
	return ways
}

// keyWrapMechanisms are numbers under which tokens have RFC 3394: PKCS#11 2.40's, the
// one beside it, and a vendor-defined one. The known answer tells which is right.
var keyWrapMechanisms = []uint{pkcs11.CKM_AES_KEY_WRAP, pkcs11.CKM_AES_KEY_WRAP_PAD, 0x80000170}

func keyWrapWays() []way {
	var ways []way
	for _, mechanism := range keyWrapMechanisms {
		for _, length := range []bool{true, false} {
			ways = append(ways, way{
				name:  names([]uint{mechanism}) + either(length, ", CKA_VALUE_LEN", ", no CKA_VALUE_LEN"),
				needs: []uint{mechanism},
				why:   "RFC 3394",
				set:   func(t *traits) { t.keyWrap, t.wrapLength = mechanism, length },
				check: (*probe).wrapsRFC3394,
			})
		}
	}
	return ways
}

func either(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

// choose probes the token in s, row by row.
func (h *HSM) choose(s *Session) error {
	p, err := newProbe(s)
	if err != nil {
		return err
	}
	defer p.close()
	h.choices = nil
	missing := &MissingError{Token: h.name()}
	for _, op := range operations {
		if !h.cfg.Role.needs(op) {
			continue
		}
		choice, failed := p.choose(op, missing)
		switch {
		case choice != nil:
			h.choices = append(h.choices, *choice)
		case oneOf(failed.err, sessionErrors):
			return failed.err // to be tried again, not judged
		case !op.notes:
			missing.Rows = append(missing.Rows, failed.rows...)
		}
	}
	if len(missing.Rows) > 0 {
		missing.Works = h.choices
		return missing
	}
	return nil
}

// needs says whether a server of this role does the operation.
func (r Role) needs(op operation) bool {
	return op.role == Both || r == Both || op.role == r || op.role == EPS && r == LiteralEPS
}

// failures says why no way was taken.
type failures struct {
	rows []Missing
	err  error // of the last
}

func (f *failures) add(op operation, w way, err error) {
	f.err = err
	f.rows = append(f.rows, Missing{Operation: op.name, Strategy: w.name, Needs: names(w.needs), Why: err.Error()})
}

// choose takes the first way that the token does right, and leaves its traits set.
func (p *probe) choose(op operation, missing *MissingError) (*Choice, failures) {
	var failed failures
	for _, before := range op.after {
		if missing.has(before) {
			failed.add(op, way{}, fmt.Errorf("builds on %s", before))
			return nil, failed
		}
	}
	for _, w := range op.ways {
		before := *p.t
		if w.set != nil {
			w.set(p.t)
		}
		err := p.try(w)
		if err == nil {
			return &Choice{Operation: op.name, Strategy: w.name, Why: w.why}, failed
		}
		*p.t = before
		failed.add(op, w, err)
	}
	return nil, failed
}

func (p *probe) try(w way) error {
	for _, m := range w.needs {
		if !slices.Contains(p.mechanisms, m) {
			return fmt.Errorf("the token does not list %s", names([]uint{m}))
		}
	}
	if w.check == nil {
		return nil
	}
	err := w.check(p)
	return errors.Join(err, p.cleanUp())
}

// MissingError says what a token cannot do. Its text is a table.
type MissingError struct {
	Token string
	Rows  []Missing
	Works []Choice // what it can do
}

func (e *MissingError) has(operation string) bool {
	return slices.ContainsFunc(e.Rows, func(m Missing) bool { return m.Operation == operation })
}

// Missing is one strategy of an operation that has none on this token.
type Missing struct{ Operation, Strategy, Needs, Why string }

func (e *MissingError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s cannot do what this server needs:\n", e.Token)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "operation\tstrategy\tneeds\twhy")
	for _, r := range e.Rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Operation, r.Strategy, r.Needs, strings.ReplaceAll(r.Why, "\n", "; "))
	}
	_ = w.Flush() // a Builder takes everything
	return strings.TrimSuffix(b.String(), "\n")
}

// mechanismNames are the mechanisms that a strategy may need.
var mechanismNames = []struct {
	mechanism uint
	name      string
}{
	{pkcs11.CKM_AES_KEY_GEN, "CKM_AES_KEY_GEN"},
	{pkcs11.CKM_GENERIC_SECRET_KEY_GEN, "CKM_GENERIC_SECRET_KEY_GEN"},
	{pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, "CKM_RSA_PKCS_KEY_PAIR_GEN"},
	{pkcs11.CKM_RSA_PKCS_OAEP, "CKM_RSA_PKCS_OAEP"},
	{pkcs11.CKM_AES_ECB, "CKM_AES_ECB"},
	{pkcs11.CKM_AES_CBC, "CKM_AES_CBC"},
	{pkcs11.CKM_AES_CBC_PAD, "CKM_AES_CBC_PAD"},
	{pkcs11.CKM_AES_GCM, "CKM_AES_GCM"},
	{pkcs11.CKM_AES_ECB_ENCRYPT_DATA, "CKM_AES_ECB_ENCRYPT_DATA"},
	{pkcs11.CKM_AES_KEY_WRAP, "CKM_AES_KEY_WRAP"},
	{pkcs11.CKM_AES_KEY_WRAP_PAD, "CKM_AES_KEY_WRAP_PAD"},
	{pkcs11.CKM_SHA_1_HMAC, "CKM_SHA_1_HMAC"},
	{pkcs11.CKM_SHA256_HMAC, "CKM_SHA256_HMAC"},
	{pkcs11.CKM_SHA512_HMAC, "CKM_SHA512_HMAC"},
}

func names(mechanisms []uint) string {
	var list []string
	for _, m := range mechanisms {
		name := fmt.Sprintf("0x%X", m)
		for _, n := range mechanismNames {
			if n.mechanism == m {
				name = n.name
			}
		}
		list = append(list, name)
	}
	return strings.Join(list, " ")
}
