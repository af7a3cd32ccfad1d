package trace

import (
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// labels knows what objects are called, from what the program has said or been told: the
// templates that make, change and find them, and CKA_LABEL when it is read.
//
// It forgets what a handle may no longer mean: at C_DestroyObject, when the session of a
// session object closes, and all of a slot at its C_Logout and C_CloseAllSessions.
type labels struct {
	mu      sync.Mutex // guards what follows
	slots   map[pkcs11.SessionHandle]uint
	finding map[pkcs11.SessionHandle]string // the label that a search wants
	names   map[object]name
}

// object is a handle: two slots may have the same.
type object struct {
	slot   uint
	handle pkcs11.ObjectHandle
}

type name struct {
	label   string
	session pkcs11.SessionHandle // that made it, of a session object
}

const maxKnown = 4096 // objects; one more takes the place of any

func newLabels() *labels {
	l := new(labels)
	l.forgetAll()
	return l
}

func (l *labels) forgetAll() {
	l.slots, l.finding, l.names = map[pkcs11.SessionHandle]uint{}, map[pkcs11.SessionHandle]string{}, map[object]name{}
}

// see learns from a call that has returned, and gives the labels of its Objects and Made;
// none if it knows none of them. A nil labels knows nothing.
func (l *labels) see(c *cryptoki.Call, err error) []string {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.of(c, c.Object, c.Object2) // before C_DestroyObject makes us forget
	if err == nil || cryptoki.Partial(err) {
		if learn := learns[c.Function]; learn != nil {
			learn(l, c)
		}
	}
	out = append(out, l.of(c, c.Made, c.Made2)...)
	for _, label := range out {
		if label != "" {
			return out
		}
	}
	return nil
}

func (l *labels) of(c *cryptoki.Call, hs ...pkcs11.ObjectHandle) []string {
	var out []string
	for _, h := range hs {
		if h != 0 {
			out = append(out, l.names[l.at(c, h)].label)
		}
	}
	return out
}

func (l *labels) at(c *cryptoki.Call, h pkcs11.ObjectHandle) object {
	return object{l.slots[c.Session], h}
}

// learns says what is learnt from which call.
var learns = map[cryptoki.Function]func(*labels, *cryptoki.Call){
	cryptoki.Initialize:        func(l *labels, _ *cryptoki.Call) { l.forgetAll() },
	cryptoki.Finalize:          func(l *labels, _ *cryptoki.Call) { l.forgetAll() },
	cryptoki.InitToken:         func(l *labels, c *cryptoki.Call) { l.forget(c.Slot) },
	cryptoki.OpenSession:       (*labels).opened,
	cryptoki.CloseSession:      (*labels).closed,
	cryptoki.CloseAllSessions:  func(l *labels, c *cryptoki.Call) { l.forget(c.Slot) },
	cryptoki.Logout:            func(l *labels, c *cryptoki.Call) { l.forget(l.slots[c.Session]) },
	cryptoki.CreateObject:      (*labels).made,
	cryptoki.GenerateKey:       (*labels).made,
	cryptoki.GenerateKeyPair:   (*labels).made,
	cryptoki.UnwrapKey:         (*labels).made,
	cryptoki.DeriveKey:         (*labels).made,
	cryptoki.CopyObject:        (*labels).copied,
	cryptoki.SetAttributeValue: (*labels).changed,
	cryptoki.DestroyObject:     func(l *labels, c *cryptoki.Call) { delete(l.names, l.at(c, c.Object)) },
	cryptoki.FindObjectsInit:   (*labels).searched,
	cryptoki.FindObjects:       (*labels).found,
	cryptoki.GetAttributeValue: (*labels).read,
	cryptoki.AttributeValues:   (*labels).read,
}

func (l *labels) opened(c *cryptoki.Call) { room(l.slots)[c.Opened] = c.Slot }

func (l *labels) closed(c *cryptoki.Call) {
	delete(l.slots, c.Session)
	delete(l.finding, c.Session)
	for o, n := range l.names {
		if n.session == c.Session {
			delete(l.names, o)
		}
	}
}

func (l *labels) forget(slot uint) {
	for o := range l.names {
		if o.slot == slot {
			delete(l.names, o)
		}
	}
}

func (l *labels) made(c *cryptoki.Call) {
	l.put(c, c.Made, c.Template, "")
	l.put(c, c.Made2, c.Template2, "")
}

func (l *labels) copied(c *cryptoki.Call) {
	l.put(c, c.Made, c.Template, l.names[l.at(c, c.Object)].label)
}

// put names a new object. One without a label takes the name from what had the handle.
func (l *labels) put(c *cryptoki.Call, h pkcs11.ObjectHandle, template []*pkcs11.Attribute, otherwise string) {
	if h == 0 {
		return
	}
	n := name{label: otherwise, session: c.Session}
	if label, ok := labelIn(template); ok {
		n.label = label
	}
	for _, a := range template {
		if a != nil && a.Type == pkcs11.CKA_TOKEN && len(a.Value) == 1 && a.Value[0] != 0 {
			n.session = 0
		}
	}
	delete(l.names, l.at(c, h))
	if n.label != "" {
		room(l.names)[l.at(c, h)] = n
	}
}

// tell sets what an object is called, of which more may be known.
func (l *labels) tell(c *cryptoki.Call, h pkcs11.ObjectHandle, label string) {
	n := l.names[l.at(c, h)]
	n.label = label
	room(l.names)[l.at(c, h)] = n
}

func (l *labels) changed(c *cryptoki.Call) {
	if label, ok := labelIn(c.Template); ok {
		l.tell(c, c.Object, label)
	}
}

func (l *labels) searched(c *cryptoki.Call) {
	delete(l.finding, c.Session)
	if label, ok := labelIn(c.Template); ok {
		room(l.finding)[c.Session] = label
	}
}

func (l *labels) found(c *cryptoki.Call) {
	if label, ok := l.finding[c.Session]; ok {
		for _, h := range c.Found {
			l.tell(c, h, label)
		}
	}
}

func (l *labels) read(c *cryptoki.Call) {
	if label, ok := labelIn(c.Attributes); ok {
		l.tell(c, c.Object, label)
	}
	for _, v := range c.Values {
		if v.Type == pkcs11.CKA_LABEL && !v.Unavailable {
			l.tell(c, c.Object, text(v.Value))
		}
	}
}

// labelIn gives the label of a template as a record shows it.
func labelIn(template []*pkcs11.Attribute) (string, bool) {
	for _, a := range template {
		if a != nil && a.Type == pkcs11.CKA_LABEL {
			return text(a.Value), true
		}
	}
	return "", false
}

// room makes room for one more.
func room[K comparable, V any](m map[K]V) map[K]V {
	if len(m) >= maxKnown {
		for k := range m {
			delete(m, k)
			break
		}
	}
	return m
}
