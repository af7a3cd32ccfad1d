package store

import (
	"crypto/sha256"
	"regexp"
	"strconv"

	"github.com/fxamacker/cbor/v2"
	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// key is a permanent key of the two tokens.
type key struct {
	label string // pattern
	class uint
	uses  []uint
	born  bool // on its token, and never elsewhere
}

// keys are all permanent keys by the token that they live on.
var keys = map[string][]key{
	"eps": {
		{label: `MK-(DBK|DBK-ST|TRK)`, class: pkcs11.CKO_SECRET_KEY, uses: both, born: true},
		{label: `IDX|AUDIT|TKT`, class: pkcs11.CKO_SECRET_KEY, uses: []uint{pkcs11.CKA_SIGN}, born: true},
		{label: `PLK/.+`, class: pkcs11.CKO_SECRET_KEY, uses: []uint{pkcs11.CKA_SIGN}},
		{label: `PLK-R/.+`, class: pkcs11.CKO_SECRET_KEY, uses: []uint{pkcs11.CKA_VERIFY}},
		{label: `MPP/2`, class: pkcs11.CKO_PRIVATE_KEY, uses: []uint{pkcs11.CKA_UNWRAP}, born: true},
		{label: `MPP/1`, class: pkcs11.CKO_PRIVATE_KEY, uses: []uint{pkcs11.CKA_DECRYPT}, born: true},
	},
	"authserver": {
		{label: `ASK`, class: pkcs11.CKO_SECRET_KEY, uses: both, born: true},
		{label: `ROW-AS`, class: pkcs11.CKO_SECRET_KEY, uses: []uint{pkcs11.CKA_SIGN}, born: true},
		{label: `TRK/\d+`, class: pkcs11.CKO_SECRET_KEY, uses: []uint{pkcs11.CKA_UNWRAP}},
		{label: `PLK/\d+`, class: pkcs11.CKO_SECRET_KEY, uses: []uint{pkcs11.CKA_VERIFY}},
		{label: `PLK-R/\d+`, class: pkcs11.CKO_SECRET_KEY, uses: []uint{pkcs11.CKA_SIGN}},
		{label: `PAIR|IMPORT`, class: pkcs11.CKO_PRIVATE_KEY, uses: []uint{pkcs11.CKA_UNWRAP}, born: true},
	},
}

var both = []uint{pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP}

// known gives the row of a permanent key.
func known(which, label string, class uint) (key, bool) {
	for _, k := range keys[which] {
		if k.class == class && regexp.MustCompile(`^(`+k.label+`)$`).MatchString(label) {
			return k, true
		}
	}
	return key{}, false
}

// Templates of what the wrapping keys let out: exactly these.
var (
	asTRK     = made(pkcs11.CKK_AES, false, pkcs11.CKA_WRAP) // at the EPS
	asTransit = made(pkcs11.CKK_GENERIC_SECRET, true)        // TOK out of TRK, on its way under ASK
	asSigning = made(pkcs11.CKK_GENERIC_SECRET, false, pkcs11.CKA_SIGN)
)

// record is a row of a dump by column.
type record map[string][]byte

// rows of a table whose column has the given value.
func rows(tables []conformance.Table, database, table, column, value string) []record {
	var all []record
	for _, t := range tables {
		if t.Database != database || t.Name != table {
			continue
		}
		for _, cells := range t.Rows {
			r := record{}
			for i, name := range t.Columns {
				r[name] = cells[i]
			}
			if column == "" || string(r[column]) == value {
				all = append(all, r)
			}
		}
	}
	return all
}

// only is the one such row.
func only(tables []conformance.Table, database, table, column, value string) record {
	GinkgoHelper()
	found := rows(tables, database, table, column, value)
	Expect(found).To(HaveLen(1), "rows of %s.%s", database, table)
	return found[0]
}

func (r record) number(column string) int64 {
	GinkgoHelper()
	n, err := strconv.ParseInt(string(r[column]), 10, 64)
	Expect(err).NotTo(HaveOccurred(), "column %s", column)
	return n
}

func (r record) text(column string) string { return string(r[column]) }

// canonical is RFC 8949 §4.2.1, an absent value being the empty one.
var canonical = func() cbor.EncMode {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	m, err := o.EncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return m
}()

func encoded(list ...any) []byte {
	GinkgoHelper()
	b, err := canonical.Marshal(list)
	Expect(err).NotTo(HaveOccurred(), "CBOR")
	return b
}

// sealedVersion is the version of a row when C was sealed.
const sealedVersion = 1

// bound is what the row key of a token is derived from: SHA-256 over all that the row
// belongs to (the outer layer of TOK).
func (r record) bound() []byte {
	GinkgoHelper()
	sum := sha256.Sum256(encoded(
		"epsbench-row/1", "token", r.text("id"), r.text("service"), r.text("user_name"),
		r.number("dbk_version"), sealedVersion, r.text("format"), r.number("direction"), r["salt"], r.text("kdf"),
		r.number("iterations"), r.text("suite"), r.number("tok_length"), r.number("c_length")))
	return sum[:]
}

// vouched is what the MAC of an authentication server's row covers: every field.
func (r record) vouched() []byte {
	GinkgoHelper()
	return encoded(
		"epsbench credential 2", r.text("token"), r.text("service"), r.text("user_name"), r.text("state"), r.text("suite"),
		r["wrapped"], r.number("tok_length"), r.number("pin_digits"), r.number("counter"), r.number("failures"),
		r.number("failed_ever"), r.number("candidates"), r.number("imported") == 1, r.number("version"),
		r.number("created")/1000, r.number("updated")/1000, r["pin_hash"], r.number("clock_offset"), r.number("activated") == 1)
}
