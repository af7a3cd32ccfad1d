package token

import (
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// setParams keeps CKA_EC_PARAMS in the form given, of the two that a curve may have.
func setParams(d *draft, v []byte) (err error) {
	if d.curve, err = mechanism.CurveOf(d.keyType, v); err != nil {
		return err
	}
	d.keep(pkcs11.CKA_EC_PARAMS, v)
	return nil
}

func setPoint(d *draft, v []byte) (err error) {
	d.point, err = mechanism.DecodePoint(v)
	return err
}

func getPoint(o *object) []byte {
	return o.publicPart(func(k *mechanism.Key) []byte { return mechanism.EncodePoint(k.Point()) })
}

func getScalar(o *object) []byte { return o.key.Scalar() }

// curvePublic makes the public key that a template describes.
func (d *draft) curvePublic() (err error) {
	if d.curve == nil || d.point == nil {
		return rv(pkcs11.CKR_TEMPLATE_INCOMPLETE)
	}
	d.key, err = mechanism.NewCurvePublic(d.curve, d.point)
	return err
}

// curvePrivate makes the private key that a template describes.
func (d *draft) curvePrivate() (err error) {
	if d.curve == nil || d.value == nil {
		return rv(pkcs11.CKR_TEMPLATE_INCOMPLETE)
	}
	d.key, err = mechanism.NewCurvePrivate(d.curve, d.value)
	return err
}

// curveFrom gives a private key the CKA_EC_PARAMS of its public half, or of its curve
// where it came without one.
func (d *draft) curveFrom(public *draft) {
	switch c := d.key.Curve(); {
	case c == nil:
	case public == nil:
		d.keep(pkcs11.CKA_EC_PARAMS, c.Params)
	default:
		d.keep(pkcs11.CKA_EC_PARAMS, public.text(pkcs11.CKA_EC_PARAMS))
	}
}

// storedCurve is the curve of an object that was stored; nil where it has none.
func (o *object) storedCurve() *mechanism.Curve {
	c, err := mechanism.CurveOf(o.keyType, o.text(pkcs11.CKA_EC_PARAMS))
	if err != nil {
		return nil
	}
	return c
}

// onItsCurve tells whether a stored elliptic key is on the curve that its attributes name.
func (o *object) onItsCurve() bool {
	c := o.storedCurve()
	return c != nil && o.key.Curve() == c
}
