package mutants

import (
	"errors"
	"slices"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/token"
)

// alone is the target of the claims on a module by itself.
const alone = "module"

// modules are the mutants of the claims that family hsm judges.
var modules = []Mutant{
	{
		Name:   "Luna unwraps as the standard does",
		About:  "A Luna that is told no CKA_VALUE_LEN answers CKR_TEMPLATE_INCOMPLETE, and not with its own return value.",
		Claims: []string{"HSM-named"}, Target: "module:luna-7", Reason: "CKR_TEMPLATE_INCOMPLETE",
		Break: around(func(c *cryptoki.Call) error {
			err := c.Next()
			if c.Function == cryptoki.UnwrapKey && is(err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID) {
				return pkcs11.Error(pkcs11.CKR_TEMPLATE_INCOMPLETE)
			}
			return err
		}),
	},
	{
		Name:   "HSM has no key wrapping",
		About:  "C_GetMechanismList leaves out what AES keys are wrapped with.",
		Claims: []string{"HSM-operations"}, Target: alone, Reason: "no strategy works",
		Break: around(func(c *cryptoki.Call) error {
			err := c.Next()
			c.Mechanisms = slices.DeleteFunc(c.Mechanisms, func(m *pkcs11.Mechanism) bool {
				return m.Mechanism == pkcs11.CKM_AES_KEY_WRAP || m.Mechanism == pkcs11.CKM_AES_KEY_WRAP_PAD
			})
			return err
		}),
	},
	{
		Name:   "HSM shows sensitive values",
		About:  "C_GetAttributeValue gives the value of a key that is sensitive.",
		Claims: []string{"HSM-unread"}, Target: alone, Reason: "read",
		Break: onModule("suite", func(m cryptoki.Module) cryptoki.Module { return open{m} }),
	},
	{
		Name:   "HSM does not look at what it weakens",
		About:  "C_SetAttributeValue and C_CopyObject say that they have made a key weaker.",
		Claims: []string{"HSM-sticky"}, Target: alone, Reason: "changed",
		Break: around(func(c *cryptoki.Call) error {
			err := c.Next()
			switch c.Function {
			case cryptoki.CopyObject:
				c.Made = c.Object
				return nil
			case cryptoki.SetAttributeValue:
				return nil
			}
			return err
		}),
	},
	{
		Name:   "HSM forgets that keys are fixed",
		About:  "CKA_MODIFIABLE and CKA_COPYABLE of a template are not looked at.",
		Claims: []string{"HSM-fixed"}, Target: alone, Reason: "changed",
		Break: forgets(pkcs11.CKA_MODIFIABLE, pkcs11.CKA_COPYABLE),
	},
	{
		Name:   "HSM forgets unwrap templates",
		About:  "CKA_UNWRAP_TEMPLATE of a template is not looked at.",
		Claims: []string{"HSM-template"}, Target: alone, Reason: "unwrapped",
		Break: forgets(pkcs11.CKA_UNWRAP_TEMPLATE),
	},
	{
		Name:   "HSM trusts every wrapping key",
		About:  "CKA_WRAP_WITH_TRUSTED of a template is not looked at.",
		Claims: []string{"HSM-trusted"}, Target: alone, Reason: "wrapped",
		Break: forgets(pkcs11.CKA_WRAP_WITH_TRUSTED),
	},
	{
		Name:   "HSM makes a key of every blob",
		About:  "C_UnwrapKey that finds an altered blob gives a key all the same.",
		Claims: []string{"HSM-tampered"}, Target: alone, Reason: "CKR_OK",
		Break: around(func(c *cryptoki.Call) error {
			err := c.Next()
			if c.Function == cryptoki.UnwrapKey && is(err, pkcs11.CKR_WRAPPED_KEY_INVALID) {
				c.Made = 1
				return nil
			}
			return err
		}),
	},
	{
		Name:   "HSM stays logged in",
		About:  "C_Logout says that it has logged out, and has not.",
		Claims: []string{"HSM-login"}, Target: alone, Reason: "signed",
		Break: around(func(c *cryptoki.Call) error {
			if c.Function == cryptoki.Logout {
				return nil
			}
			return c.Next()
		}),
	},
	{
		Name:   "HSM draws the same after each start",
		About:  "C_GenerateRandom counts from C_Initialize on.",
		Claims: []string{"HSM-random"}, Target: alone, Reason: "the same",
		Break: counted,
	},
	{
		Name:   "HSM lets usages conflict",
		About:  "A key may wrap and decrypt.",
		Claims: []string{"HSM-usages"}, Target: alone, Reason: "CKR_OK",
		Break: func(s *Seams) { s.Permit = []string{token.PermitConflicts} },
	},
	{
		Name:   "HSM judges usages by object",
		About:  "A key that is unwrapped a second time may decrypt, though it wraps as another object.",
		Claims: []string{"HSM-usages"}, Target: alone, Reason: "CKR_OK",
		Break: around(func(c *cryptoki.Call) error {
			err := c.Next()
			if c.Function == cryptoki.UnwrapKey && is(err, pkcs11.CKR_TEMPLATE_INCONSISTENT) {
				c.Made = 1
				return nil
			}
			return err
		}),
	},
	{
		Name:   "HSM derives readable keys",
		About:  "A key that is derived from a sensitive one may be read.",
		Claims: []string{"HSM-children"}, Target: alone, Reason: "read",
		Break: func(s *Seams) { s.Permit = []string{token.PermitReadable} },
	},
	{
		Name:   "HSM always has check values",
		About:  "An empty CKA_CHECK_VALUE of a template is not looked at.",
		Claims: []string{"HSM-check-value"}, Target: alone, Reason: "3 bytes",
		Break: forgets(pkcs11.CKA_CHECK_VALUE),
	},
	{
		Name:   "HSM takes no IV for zeros",
		About:  "GCM without an IV has twelve zeros.",
		Claims: []string{"HSM-gcm-iv"}, Target: alone, Reason: "the same twice",
		Break: around(func(c *cryptoki.Call) error {
			if c.Function == cryptoki.EncryptInit {
				if g, err := cryptoki.GCMGiven(c.Mechanism[0]); err == nil && len(g.IV) == 0 && c.Mechanism[0].Mechanism == pkcs11.CKM_AES_GCM {
					c.Mechanism = []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(make([]byte, 12), g.AAD, int(g.TagBits)))}
				}
			}
			return c.Next()
		}),
	},
}

// around puts code around every call to the module.
func around(fn func(*cryptoki.Call) error) func(*Seams) {
	return onModule("suite", func(m cryptoki.Module) cryptoki.Module { return cryptoki.Around(m, fn) })
}

// forgets takes attributes out of the templates of generated keys.
func forgets(types ...uint) func(*Seams) {
	return around(func(c *cryptoki.Call) error {
		if c.Function == cryptoki.GenerateKey {
			c.Template = slices.DeleteFunc(slices.Clone(c.Template), func(a *pkcs11.Attribute) bool { return slices.Contains(types, a.Type) })
		}
		return c.Next()
	})
}

// open tells the value of every secret key, by the back door of the Go token.
type open struct{ cryptoki.Module }

func (m open) GetAttributeValue(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle, a []*pkcs11.Attribute) ([]*pkcs11.Attribute, error) {
	if t, ok := m.Module.(*token.Token); ok && len(a) == 1 && a[0].Type == pkcs11.CKA_VALUE {
		return []*pkcs11.Attribute{{Type: pkcs11.CKA_VALUE, Value: t.UnsafeValue(sh, o)}}, nil
	}
	return m.Module.GetAttributeValue(sh, o, a)
}

func counted(s *Seams) {
	var mu sync.Mutex
	var next byte
	around(func(c *cryptoki.Call) error {
		err := c.Next()
		mu.Lock()
		defer mu.Unlock()
		switch c.Function {
		case cryptoki.Initialize:
			next = 0
		case cryptoki.GenerateRandom:
			for i := range c.Out {
				next++
				c.Out[i] = next
			}
		}
		return err
	})(s)
}

// is tells whether err is a return value.
func is(err error, code uint) bool { return errors.Is(err, pkcs11.Error(code)) }
