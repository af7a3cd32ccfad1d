package token_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/token"
)

// files are the token's files by name, without the lock.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "slot0", "*"))
	check(t, err)
	out := map[string][]byte{}
	for _, p := range paths {
		if filepath.Base(p) != "lock" {
			b, err := os.ReadFile(p)
			check(t, err)
			out[filepath.Base(p)] = b
		}
	}
	return out
}

func write(t testing.TB, dir, file string, content []byte) {
	t.Helper()
	check(t, os.WriteFile(filepath.Join(dir, "slot0", file), content, 0o600))
}

// Every attribute of every class survives a restart, and the keys still work.
func TestDirectoryKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	g := directoryToken(t, dir)
	var p runtime.Pinner
	defer p.Unpin()
	kept := on(pkcs11.CKA_TOKEN)
	g.create(secretKey(pkcs11.CKK_AES, random(32), append(kept, attr(pkcs11.CKA_LABEL, "secret"), attr(pkcs11.CKA_ID, "1"),
		attr(pkcs11.CKA_WRAP, true), attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_CHECK_VALUE, []byte{}), attr(pkcs11.CKA_START_DATE, "20300101"),
		attr(pkcs11.CKA_WRAP_TEMPLATE, cryptoki.PinTemplate(&p, on(pkcs11.CKA_SENSITIVE))),
		attr(pkcs11.CKA_UNWRAP_TEMPLATE, cryptoki.PinTemplate(&p, on(pkcs11.CKA_SIGN, pkcs11.CKA_SENSITIVE))),
		attr(pkcs11.CKA_ALLOWED_MECHANISMS, pkcs11.CKM_AES_KEY_WRAP))))
	g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(20), append(kept, attr(pkcs11.CKA_LABEL, "seen by all"), attr(pkcs11.CKA_PRIVATE, false),
		attr(pkcs11.CKA_EXTRACTABLE, true))))
	g.create([]*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), attr(pkcs11.CKA_TOKEN, true), attr(pkcs11.CKA_VALUE, "data")})
	_, _, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN),
		append(on(pkcs11.CKA_TOKEN, pkcs11.CKA_ENCRYPT), attr(pkcs11.CKA_MODULUS_BITS, 1024)),
		append(on(pkcs11.CKA_TOKEN, pkcs11.CKA_DECRYPT), attr(pkcs11.CKA_SUBJECT, "subject"), attr(pkcs11.CKA_EXTRACTABLE, true), attr(pkcs11.CKA_SENSITIVE, false)))
	check(t, err)
	before := g.everything()
	g.Destroy()

	after := directoryToken(t, dir).everything()
	if len(before) != 5 || len(after) != len(before) {
		t.Fatalf("%d objects became %d", len(before), len(after))
	}
	for object := range before {
		if !after[object] {
			t.Errorf("lost or changed:\n%s", object)
		}
	}
}

// everything describes each object in sight by all attributes that it has.
func (g *ground) everything() map[string]bool {
	g.t.Helper()
	out := map[string]bool{}
	for _, h := range g.find() {
		var text strings.Builder
		for _, typ := range token.Attributes() {
			v, err := g.read(h, typ)
			if !errors.Is(err, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)) {
				fmt.Fprintf(&text, "%s = %x %v\n", cryptoki.AttributeName(typ), v, err)
			}
		}
		out[text.String()] = true
	}
	return out
}

// Nothing secret stands in the files, nor what a private object is called.
func TestDirectoryIsSealed(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir)
	g := loggedIn(t, m)
	secrets, controls := g.fillWithNeedles()
	secrets["the token key"] = m.TokenKey()
	for _, PIN := range []string{userPIN, soPIN, "another PIN", "a third PIN"} {
		secrets["PIN "+PIN] = []byte(PIN)
	}
	check(t, g.SetPIN(g.s, userPIN, "another PIN"))
	check(t, g.SetPIN(g.s, "another PIN", "a third PIN"))

	haystack := everyByte(t, dir)
	for name, needle := range controls {
		if !holds(haystack, needle) {
			t.Errorf("%s: not found, though it must be: the hunt is blind", name)
		}
	}
	for name, needle := range secrets {
		if holds(haystack, needle) {
			t.Errorf("%s stands in the files", name)
		}
		for _, spelling := range spellings(needle) { // each would be found
			if !holds(append(bytes.Clone(haystack), spelling...), needle) {
				t.Errorf("%s: %x would not be found", name, spelling)
			}
		}
	}
}

// fillWithNeedles stores a key of each kind, and gives what must not be found in
// the files, and what must.
func (g *ground) fillWithNeedles() (secrets, controls map[string][]byte) {
	g.t.Helper()
	readable := append(on(pkcs11.CKA_TOKEN, pkcs11.CKA_EXTRACTABLE), attr(pkcs11.CKA_SENSITIVE, false))
	public, private, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN),
		append(on(pkcs11.CKA_TOKEN), attr(pkcs11.CKA_MODULUS_BITS, 1024), attr(pkcs11.CKA_PRIVATE, false)), readable)
	check(g.t, err)
	secrets, controls = map[string][]byte{}, map[string][]byte{"public label": []byte("public label")}
	for _, k := range g.everyWay(readable...) {
		secrets[k.how+" key"], err = g.read(k.h, pkcs11.CKA_VALUE)
		check(g.t, err)
	}
	for _, typ := range rsaParts[2:] {
		secrets[cryptoki.AttributeName(typ)], err = g.read(private, typ)
		check(g.t, err)
	}
	controls["modulus"], err = g.read(public, pkcs11.CKA_MODULUS)
	check(g.t, err)
	secrets["private label"], secrets["private data"] = []byte("private label"), []byte("private data")
	g.create(append(aesOf(key16, pkcs11.CKA_TOKEN), attr(pkcs11.CKA_LABEL, "private label")))
	g.create([]*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), attr(pkcs11.CKA_TOKEN, true), attr(pkcs11.CKA_PRIVATE, true), attr(pkcs11.CKA_VALUE, "private data")})
	secrets["value of a public object"] = random(32)
	h := g.create(append(secretKey(pkcs11.CKK_AES, secrets["value of a public object"], readable), attr(pkcs11.CKA_PRIVATE, false), attr(pkcs11.CKA_LABEL, "public label")))
	check(g.t, g.SetAttributeValue(g.s, h, on(pkcs11.CKA_SENSITIVE)))
	return secrets, controls
}

// everyByte is all that a directory holds, names and contents.
func everyByte(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		all = append(all, d.Name()...)
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all = append(all, content...)
		return err
	}))
	return all
}

func holds(haystack, needle []byte) bool {
	for _, s := range spellings(needle) {
		if bytes.Contains(haystack, s) {
			return true
		}
	}
	return false
}

// spellings are the ways in which a value may stand somewhere.
func spellings(v []byte) [][]byte {
	backwards := bytes.Clone(v)
	slices.Reverse(backwards)
	return [][]byte{v, backwards, fmt.Appendf(nil, "%x", v), fmt.Appendf(nil, "%X", v),
		[]byte(base64.RawStdEncoding.EncodeToString(v)), []byte(base64.RawURLEncoding.EncodeToString(v))}
}

// Before a login the public attributes of public objects are there; their
// secret value is not.
func TestPublicObjectsBeforeLogin(t *testing.T) {
	dir := t.TempDir()
	g := directoryToken(t, dir)
	g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(32), append(on(pkcs11.CKA_TOKEN, pkcs11.CKA_SIGN), attr(pkcs11.CKA_PRIVATE, false))))
	g.Destroy()
	m := open(t, dir)
	check(t, m.Initialize())
	g = &ground{Module: m, t: t}
	g.s = g.session()
	found := g.find()
	if len(found) != 1 {
		t.Fatalf("found %v", found)
	}
	wants(t, "signing before login", g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), found[0]), pkcs11.CKR_USER_NOT_LOGGED_IN)
	check(t, g.Login(g.s, pkcs11.CKU_USER, userPIN))
	wants(t, "signing after login, by the same handle", g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), found[0]), 0)
	_, err := g.CreateObject(g.s, secretKey(pkcs11.CKK_AES, random(16), append(on(pkcs11.CKA_TOKEN), attr(pkcs11.CKA_PRIVATE, false))))
	wants(t, "a public token object, logged in", err, 0)
	check(t, g.Logout(g.s))
	_, err = g.CreateObject(g.s, secretKey(pkcs11.CKK_AES, random(16), append(on(pkcs11.CKA_TOKEN), attr(pkcs11.CKA_PRIVATE, false))))
	wants(t, "a public token object, not logged in", err, pkcs11.CKR_USER_NOT_LOGGED_IN)
}

// A changed byte anywhere in a file is found: at once where it breaks the form,
// else at the login. In the epoch it makes the object one of another token's,
// which is not seen: no more than removing the file does.
func TestDirectoryFindsEveryChange(t *testing.T) {
	dir := t.TempDir()
	g := directoryToken(t, dir)
	g.create(secretKey(pkcs11.CKK_AES, random(16), append(on(pkcs11.CKA_TOKEN), attr(pkcs11.CKA_PRIVATE, false))))
	g.create(secretKey(pkcs11.CKK_AES, random(16), on(pkcs11.CKA_TOKEN)))
	// Nothing of these two is sealed but that they are as they are.
	g.create([]*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), attr(pkcs11.CKA_TOKEN, true), off(pkcs11.CKA_PRIVATE), attr(pkcs11.CKA_VALUE, "value")})
	public, private := g.rsaPair(append(on(pkcs11.CKA_TOKEN), off(pkcs11.CKA_PRIVATE)), nil)
	check(t, g.DestroyObject(g.s, private))
	_, err := g.read(public, pkcs11.CKA_MODULUS)
	check(t, err)
	g.Destroy()
	for file, content := range files(t, dir) {
		if file == "token" {
			continue // judged by TestChangedCard
		}
		for at := range content {
			changed := bytes.Clone(content)
			changed[at] ^= 1
			write(t, dir, file, changed)
			if n, err := tryLogin(dir); err == nil && n == 4 {
				t.Fatalf("%s: byte %d of %d may change", file, at, len(content))
			}
		}
		write(t, dir, file, content)
	}
	if n, err := tryLogin(dir); err != nil || n != 4 {
		t.Errorf("unchanged: %d objects, %v", n, err)
	}
}

// In the card a changed byte either breaks it, or the PIN no longer opens it;
// the counters of tries are the exception: nothing but the PIN could seal them.
func TestChangedCard(t *testing.T) {
	dir := t.TempDir()
	directoryToken(t, dir).Destroy()
	content := files(t, dir)["token"]
	free := 0
	for at := range content {
		changed := bytes.Clone(content)
		changed[at] ^= 1
		write(t, dir, "token", changed)
		if _, err := tryLogin(dir); err == nil {
			free++
		}
	}
	// The SO's part does not take part in a user's login, nor does a counter.
	so := 1 + 1 + 2 + 16 + 1 + 2 + 12 + 2 + 48 + 1
	if free > so+1 {
		t.Errorf("%d of %d bytes may change, at most %d expected", free, len(content), so+1)
	}
}

// tryLogin opens the directory as a new process would, logs in, and counts the
// objects.
func tryLogin(dir string) (int, error) {
	m, err := token.New(token.Config{Dir: dir})
	if err != nil {
		return 0, err
	}
	defer m.Destroy()
	if err := m.Initialize(); err != nil {
		return 0, err
	}
	s, err := m.OpenSession(0, rw)
	if err != nil {
		return 0, err
	}
	if err := m.Login(s, pkcs11.CKU_USER, userPIN); err != nil {
		return 0, err
	}
	if err := m.FindObjectsInit(s, nil); err != nil {
		return 0, err
	}
	found, _, err := m.FindObjects(s, 1000)
	return len(found), err
}

// A file that is none of the token's is named, not skipped.
func TestStrangeFiles(t *testing.T) {
	const id = "000102030405060708090a0b0c0d0e0f-0000000000000001"
	for name, c := range map[string]struct {
		file    string
		content []byte
	}{
		"another name":       {"notes.txt", []byte("hello")},
		"an empty object":    {id, nil},
		"garbage":            {id, random(100)},
		"another kind":       {id, []byte("epsbench object 2\n\x80")},
		"a strange version":  {id[:len(id)-1], nil},
		"a very large file":  {id, make([]byte, 1<<21)},
		"a card of nonsense": {"token", random(50)},
	} {
		dir := t.TempDir()
		directoryToken(t, dir).Destroy()
		write(t, dir, c.file, c.content)
		_, err := token.New(token.Config{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two objects' files that change places are found.
func TestSwappedFiles(t *testing.T) {
	dir := t.TempDir()
	g := directoryToken(t, dir)
	for range 2 {
		g.create(secretKey(pkcs11.CKK_AES, random(16), on(pkcs11.CKA_TOKEN)))
	}
	g.Destroy()
	var names []string
	all := files(t, dir)
	for n := range all {
		if n != "token" {
			names = append(names, n)
		}
	}
	write(t, dir, names[0], all[names[1]])
	write(t, dir, names[1], all[names[0]])
	if _, err := tryLogin(dir); err == nil {
		t.Error("not found")
	}
}

// What a process leaves that was killed on the way does no harm.
func TestLeftOvers(t *testing.T) {
	dir := t.TempDir()
	g := directoryToken(t, dir)
	h := g.create(secretKey(pkcs11.CKK_AES, random(16), append(on(pkcs11.CKA_TOKEN), attr(pkcs11.CKA_LABEL, "old"))))
	old := files(t, dir)
	check(t, g.SetAttributeValue(g.s, h, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "new")}))
	g.Destroy()
	for n, content := range old { // killed after writing the new version, before removing the old
		if n != "token" {
			write(t, dir, n, content)
		}
	}
	write(t, dir, ".new-123", []byte("half a fi"))

	g = directoryToken(t, dir)
	if found := g.find(); len(found) != 1 {
		t.Fatalf("found %v", found)
	}
	found := g.find(attr(pkcs11.CKA_LABEL, "new"))
	if len(found) != 1 {
		t.Fatal("the old version counts")
	}
	check(t, g.DestroyObject(g.s, found[0]))
	g.Destroy()
	if found := directoryToken(t, dir).find(); len(found) != 0 {
		t.Errorf("the old version came back: %v", found)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "slot0", ".new-*")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// Two processes see what the other does. Here they are two modules: files and
// locks are all that they share.
func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	a, b := directoryToken(t, dir), directoryToken(t, dir)
	named := func(label string) []*pkcs11.Attribute {
		return secretKey(pkcs11.CKK_AES, random(16), append(on(pkcs11.CKA_TOKEN), attr(pkcs11.CKA_LABEL, label)))
	}
	first := a.create(named("first"))
	if found := b.find(attr(pkcs11.CKA_LABEL, "first")); len(found) != 1 {
		t.Fatalf("b found %v", found)
	}
	inB := b.find(attr(pkcs11.CKA_LABEL, "first"))[0]
	check(t, b.SetAttributeValue(b.s, inB, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "renamed")}))
	// a has not looked since, and must judge its change against b's.
	check(t, a.SetAttributeValue(a.s, first, []*pkcs11.Attribute{attr(pkcs11.CKA_ID, "id")}))
	if found := a.find(attr(pkcs11.CKA_LABEL, "renamed"), attr(pkcs11.CKA_ID, "id")); len(found) != 1 || found[0] != first {
		t.Errorf("after both changes a finds %v", found)
	}
	check(t, a.DestroyObject(a.s, first))
	if found := b.find(attr(pkcs11.CKA_LABEL, "renamed")); len(found) != 0 {
		t.Errorf("b finds what a destroyed: %v", found)
	}
	wants(t, "destroyed by both", b.DestroyObject(b.s, inB), pkcs11.CKR_OBJECT_HANDLE_INVALID)

	check(t, a.Logout(a.s))
	for range 9 {
		wants(t, "wrong PIN", a.Login(a.s, pkcs11.CKU_USER, "000000"), pkcs11.CKR_PIN_INCORRECT)
	}
	check(t, b.Logout(b.s))
	wants(t, "the tenth, in b", b.Login(b.s, pkcs11.CKU_USER, "000000"), pkcs11.CKR_PIN_INCORRECT)
	wants(t, "the right PIN, in a", a.Login(a.s, pkcs11.CKU_USER, userPIN), pkcs11.CKR_PIN_LOCKED)
}

// Of processes that begin on an empty directory at once, one makes the token: what any has
// put there stays. They are more than the tries of a PIN.
func TestProcessesBeginAtOnce(t *testing.T) {
	dir := t.TempDir()
	errs := make([]error, 16)
	var done sync.WaitGroup
	for i := range errs {
		done.Go(func() { errs[i] = leaveKey(dir) })
	}
	done.Wait()
	check(t, errors.Join(errs...))
	if found := directoryToken(t, dir).find(); len(found) != len(errs) {
		t.Errorf("found %d of %d", len(found), len(errs))
	}
}

// leaveKey is what a process does that has a directory's token to itself: it makes the
// token where there is none, and puts a key there.
func leaveKey(dir string) error {
	m, err := token.New(token.Config{Dir: dir, Label: "test", SOPIN: soPIN, UserPIN: userPIN, PINCost: 10})
	if err != nil {
		return err
	}
	defer m.Destroy()
	if err := m.Initialize(); err != nil {
		return err
	}
	s, err := m.OpenSession(0, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return err
	}
	if err := m.Login(s, pkcs11.CKU_USER, userPIN); err != nil {
		return err
	}
	_, err = m.CreateObject(s, secretKey(pkcs11.CKK_AES, random(16), on(pkcs11.CKA_TOKEN)))
	return err
}

// When one process initialises the token anew, the other is logged out.
func TestInitTokenUnderAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	a, b := directoryToken(t, dir), directoryToken(t, dir)
	h := a.create(secretKey(pkcs11.CKK_AES, random(16), on(pkcs11.CKA_TOKEN)))
	check(t, b.CloseAllSessions(0))
	check(t, b.InitToken(0, soPIN, "new"))
	if found := a.find(); len(found) != 0 {
		t.Errorf("found %v", found)
	}
	_, err := a.read(h, pkcs11.CKA_LABEL)
	wants(t, "object of before", err, pkcs11.CKR_OBJECT_HANDLE_INVALID)
	_, err = a.CreateObject(a.s, secretKey(pkcs11.CKK_AES, random(16), on(pkcs11.CKA_TOKEN)))
	wants(t, "new object under the old login", err, pkcs11.CKR_USER_NOT_LOGGED_IN)
}

// C_InitToken leaves no file of the objects before.
func TestInitTokenRemovesFiles(t *testing.T) {
	dir := t.TempDir()
	g := directoryToken(t, dir)
	g.create(tokenKey)
	before := len(files(t, dir))
	check(t, g.CloseAllSessions(0))
	check(t, g.InitToken(0, soPIN, "new"))
	if after := files(t, dir); before != 2 || len(after) != 1 || after["token"] == nil {
		t.Errorf("%d files became %d", before, len(after))
	}
}

func TestPINsOfADirectory(t *testing.T) {
	dir := t.TempDir()
	g := directoryToken(t, dir)
	g.create(secretKey(pkcs11.CKK_AES, random(16), on(pkcs11.CKA_TOKEN)))
	check(t, g.SetPIN(g.s, userPIN, "another pin"))
	g.Destroy()
	wants(t, "the old PIN", second(tryLogin(dir)), pkcs11.CKR_PIN_INCORRECT)
	m := open(t, dir)
	check(t, m.Initialize())
	s, err := m.OpenSession(0, rw)
	check(t, err)
	check(t, m.Login(s, pkcs11.CKU_SO, soPIN))
	check(t, m.InitPIN(s, userPIN)) // the SO's copy of the token key opens the objects still
	m.Destroy()
	if found := directoryToken(t, dir).find(); len(found) != 1 {
		t.Errorf("found %v", found)
	}
}

func TestAnotherLabelIsRefused(t *testing.T) {
	dir := t.TempDir()
	directoryToken(t, dir).Destroy()
	_, err := token.New(token.Config{Dir: dir, Label: "another", SOPIN: soPIN, UserPIN: userPIN})
	if err == nil || !strings.Contains(err.Error(), `"test"`) {
		t.Error(err)
	}
}
