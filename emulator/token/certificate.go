package token

import (
	"crypto/sha1"

	"github.com/miekg/pkcs11"
)

// certificate completes an X.509 certificate (PKCS #11 v2.40 §4.6.3). Its value is kept as
// given: what it says is for those who trust it to judge.
func (d *draft) certificate() error {
	for _, typ := range []uint{pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKA_SUBJECT, pkcs11.CKA_VALUE} {
		if len(d.text(typ)) == 0 {
			return rv(pkcs11.CKR_TEMPLATE_INCOMPLETE)
		}
	}
	if len(d.text(pkcs11.CKA_CERTIFICATE_CATEGORY)) == 0 {
		d.keep(pkcs11.CKA_CERTIFICATE_CATEGORY, ulongBytes(0)) // unspecified
	}
	return nil
}

func setCertificateType(d *draft, v []byte) error {
	if ulongOf(v) != pkcs11.CKC_X_509 {
		return rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	d.keep(pkcs11.CKA_CERTIFICATE_TYPE, v)
	return nil
}

const lastCategory = 3 // CK_CERTIFICATE_CATEGORY_OTHER_ENTITY

func setCategory(d *draft, v []byte) error {
	if ulongOf(v) > lastCategory {
		return rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	d.keep(pkcs11.CKA_CERTIFICATE_CATEGORY, v)
	return nil
}

// getCertificateCheck is three bytes of the SHA-1 of the certificate.
func getCertificateCheck(o *object) []byte {
	if o.is(fNoCheckValue) {
		return []byte{}
	}
	sum := sha1.Sum(o.text(pkcs11.CKA_VALUE))
	return sum[:3]
}
