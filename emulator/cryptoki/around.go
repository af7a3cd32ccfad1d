package cryptoki

import (
	"slices"
	"sync"

	"github.com/miekg/pkcs11"
)

//go:generate go run ./gen

// Around puts fn around every call to next. fn sees the arguments in the Call,
// runs the call with Call.Next, sees and may change the results, and returns the
// error that the caller gets. It must not keep the Call or what it points to: a
// Call is used again for the next call.
//
// Destroy and WaitForSlotEvent return no error and go straight to next. AttributeValues
// comes as GetAttributeValue with Types and Values in the place of templates, and
// SlotEvent as WaitForSlotEvent.
func Around(next Module, fn func(*Call) error) Extended {
	return &around{Extended: Extend(next), fn: fn}
}

type around struct {
	Extended
	fn func(*Call) error
}

// Function numbers the functions of PKCS#11 that pass through Around.
type Function uint8

// String gives the name of the standard: "C_Sign".
func (f Function) String() string { return functionNames[f] }

// Known tells whether f is a function that passes through Around.
func (f Function) Known() bool { return int(f) < len(functionNames) && functionNames[f] != "" }

// FunctionNamed finds a function by the name of the standard.
func FunctionNamed(name string) (Function, bool) {
	for f, n := range functionNames {
		if n == name && n != "" {
			return Function(f), true
		}
	}
	return 0, false
}

// Functions gives the names of all functions that pass through Around.
func Functions() []string {
	return slices.DeleteFunc(slices.Clone(functionNames[:]), func(n string) bool { return n == "" })
}

// Call is one call. The fields that its function does not use are zero.
type Call struct {
	Function Function

	Slot      uint
	Flags     uint
	UserType  uint
	Label     string
	User      string // of C_LoginUser
	PIN       string // never to be kept or shown
	NewPIN    string // never to be kept or shown
	Options   []pkcs11.InitializeOption
	Present   bool
	Count     int
	Session   pkcs11.SessionHandle
	Object    pkcs11.ObjectHandle // the first handle: key, base key, wrapping key
	Object2   pkcs11.ObjectHandle // the second: the key that is wrapped
	Mechanism []*pkcs11.Mechanism
	Template  []*pkcs11.Attribute
	Template2 []*pkcs11.Attribute // of the private key, where the first is of the public one
	Types     []uint              // of C_GetAttributeValue, attribute by attribute
	In        []byte
	In2       []byte

	Out        []byte
	Opened     pkcs11.SessionHandle
	Made       pkcs11.ObjectHandle
	Made2      pkcs11.ObjectHandle
	Found      []pkcs11.ObjectHandle
	More       bool
	Size       uint
	Slots      []uint
	Mechanisms []*pkcs11.Mechanism
	Attributes []*pkcs11.Attribute
	Values     []AttributeValue // in the order of Types
	Info       *Infos

	next Extended
}

// Infos holds the result of the functions that describe something.
type Infos struct {
	Library   pkcs11.Info
	Slot      pkcs11.SlotInfo
	Token     pkcs11.TokenInfo
	Mechanism pkcs11.MechanismInfo
	Session   pkcs11.SessionInfo
}

// Next runs the call on the module behind, with the arguments as they now are in c.
func (c *Call) Next() error { return nexts[c.Function](c) }

var calls = sync.Pool{New: func() any { return new(Call) }}

// describing are the functions whose result needs Infos.
var describing = [...]bool{GetInfo: true, GetSlotInfo: true, GetTokenInfo: true, GetMechanismInfo: true, GetSessionInfo: true}

func (r *around) begin(f Function) *Call {
	c := calls.Get().(*Call)
	c.Function, c.next = f, r.Extended
	if int(f) < len(describing) && describing[f] {
		c.Info = new(Infos)
	}
	return c
}

func (c *Call) end() {
	*c = Call{}
	calls.Put(c)
}
