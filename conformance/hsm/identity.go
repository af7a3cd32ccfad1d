package hsm

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

func version(v pkcs11.Version) string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

func library(b *bench, _ []string) string {
	i, err := b.GetInfo()
	if err != nil {
		return code(err)
	}
	return fmt.Sprintf("cryptoki %s, %s, %s %s", version(i.CryptokiVersion), text(i.ManufacturerID), text(i.LibraryDescription), version(i.LibraryVersion))
}

func text(s string) string { return strings.TrimRight(s, " \x00") }

func slotInfo(b *bench, _ []string) string {
	i, err := b.GetSlotInfo(b.slot.ID)
	if err != nil {
		return code(err)
	}
	description := strings.ReplaceAll(text(i.SlotDescription), fmt.Sprintf("0x%x", b.slot.ID), "{slot}")
	return description + ", " + text(i.ManufacturerID)
}

func tokenInfo(b *bench, _ []string) string {
	i, err := b.GetTokenInfo(b.slot.ID)
	if err != nil {
		return code(err)
	}
	return text(i.ManufacturerID) + ", " + text(i.Model)
}

func pinLengths(b *bench, _ []string) string {
	i, err := b.GetTokenInfo(b.slot.ID)
	if err != nil {
		return code(err)
	}
	return fmt.Sprintf("%d to %d", i.MinPinLen, i.MaxPinLen)
}

// info asks what the token says of a mechanism; where it says nothing, failure tells how.
func (b *bench) info(name string) (info pkcs11.MechanismInfo, failure string) {
	m := named(cryptoki.MechanismNamed, name)
	list, err := b.GetMechanismList(b.slot.ID)
	if err != nil {
		return info, code(err)
	}
	listed := slices.ContainsFunc(list, func(l *pkcs11.Mechanism) bool { return l.Mechanism == m })
	info, err = b.GetMechanismInfo(b.slot.ID, mech(m, nil))
	switch {
	case err != nil && listed:
		return info, "listed, " + code(err)
	case err != nil:
		return info, "absent"
	case !listed:
		return info, "not listed, with sizes"
	}
	return info, ""
}

// canDo says what a mechanism does.
func canDo(b *bench, args []string) string {
	info, failure := b.info(args[0])
	if failure != "" {
		return failure
	}
	return can(info.Flags)
}

// sizes says which keys a mechanism takes.
func sizes(b *bench, args []string) string {
	info, failure := b.info(args[0])
	if failure != "" {
		return failure
	}
	return fmt.Sprintf("%d to %d", info.MinKeySize, info.MaxKeySize)
}

// absent tells which of the mechanisms are there.
func absent(b *bench, args []string) string {
	var there []string
	for _, name := range strings.Split(args[0], ",") {
		if _, failure := b.info(name); failure != "absent" {
			there = append(there, name)
		}
	}
	if len(there) == 0 {
		return "absent"
	}
	return "there: " + strings.Join(there, ", ")
}

// sessionCancel calls a function of v3.0, with no operation to end.
func sessionCancel(b *bench, _ []string) string {
	return code(b.SessionCancel(b.sh, cryptoki.CKF_FIND_OBJECTS))
}

func can(flags uint) string {
	var out []string
	for _, row := range []struct {
		flag uint
		word string
	}{{pkcs11.CKF_ENCRYPT, "encrypt"}, {pkcs11.CKF_DECRYPT, "decrypt"}, {pkcs11.CKF_DIGEST, "digest"}, {pkcs11.CKF_SIGN, "sign"},
		{pkcs11.CKF_VERIFY, "verify"}, {pkcs11.CKF_GENERATE, "generate"}, {pkcs11.CKF_GENERATE_KEY_PAIR, "generate pair"},
		{pkcs11.CKF_WRAP, "wrap"}, {pkcs11.CKF_UNWRAP, "unwrap"}, {pkcs11.CKF_DERIVE, "derive"}} {
		if flags&row.flag != 0 {
			out = append(out, row.word)
		}
	}
	return strings.Join(out, ", ")
}

// manySessions opens so many more sessions.
func manySessions(b *bench, args []string) string {
	n, _ := strconv.Atoi(args[0])
	var opened []pkcs11.SessionHandle
	defer func() {
		for _, sh := range opened {
			b.CloseSession(sh)
		}
	}()
	for range n {
		sh, err := b.OpenSession(b.slot.ID, pkcs11.CKF_SERIAL_SESSION)
		if err != nil {
			return code(err)
		}
		opened = append(opened, sh)
	}
	return code(nil)
}

func serialFlag(b *bench, _ []string) string {
	sh, err := b.OpenSession(b.slot.ID, pkcs11.CKF_RW_SESSION)
	if err == nil {
		b.CloseSession(sh)
	}
	return code(err)
}

// randomAgain compares what C_GenerateRandom gives first after two C_Initialize.
func randomAgain(b *bench, _ []string) string {
	before, err := b.GetTokenInfo(b.slot.ID)
	if err != nil {
		return failed("C_GetTokenInfo", err)
	}
	var drawn [2][]byte
	for i := range drawn {
		if err := b.Finalize(); err != nil {
			return failed("C_Finalize", err)
		}
		if err := b.Initialize(); err != nil {
			return failed("C_Initialize", err)
		}
		b.find(before.SerialNumber)
		if err := b.login(); err != nil {
			return failed("login", err)
		}
		var err error
		if drawn[i], err = b.GenerateRandom(b.sh, 16); err != nil {
			return code(err)
		}
	}
	if bytes.Equal(drawn[0], drawn[1]) {
		return "the same"
	}
	return "another"
}

// find looks for a token by its serial number: some modules number slots anew.
func (b *bench) find(serial string) {
	ids, _ := b.GetSlotList(true)
	for _, id := range ids {
		if info, err := b.GetTokenInfo(id); err == nil && info.SerialNumber == serial {
			b.slot.ID = id
		}
	}
}

// newPIN has the security officer set the user's PIN, and the user log in and work with it.
func newPIN(b *bench, _ []string) string {
	if err := b.Logout(b.sh); err != nil {
		return failed("C_Logout", err)
	}
	if err := b.Login(b.sh, pkcs11.CKU_SO, b.slot.SOPIN); err != nil {
		return failed("C_Login of the SO", err)
	}
	if err := b.InitPIN(b.sh, b.slot.PIN); err != nil {
		return failed("C_InitPIN", err)
	}
	if err := b.Logout(b.sh); err != nil {
		return failed("C_Logout", err)
	}
	if err := b.Login(b.sh, pkcs11.CKU_USER, b.slot.PIN); err != nil {
		return failed("C_Login", err)
	}
	first := b.FindObjectsInit(b.sh, nil)
	if first == nil {
		return "C_Login CKR_OK, the next call " + code(b.FindObjectsFinal(b.sh))
	}
	changed := b.SetPIN(b.sh, b.slot.PIN, b.slot.PIN)
	second := b.FindObjectsInit(b.sh, nil)
	if second == nil {
		b.FindObjectsFinal(b.sh)
	}
	return fmt.Sprintf("C_Login CKR_OK, the next call %s, C_SetPIN %s, then %s", code(first), code(changed), code(second))
}

// initToken asks for a token to be made anew, with sessions open, so that none is.
func initToken(b *bench, _ []string) string {
	return code(b.InitToken(b.slot.ID, b.slot.SOPIN, "anew"))
}

// loginAs logs in in a role of the vendor's, and works with it.
func loginAs(b *bench, args []string) string {
	if err := b.Logout(b.sh); err != nil {
		return failed("C_Logout", err)
	}
	if err := b.Login(b.sh, named(noNames, args[0]), b.slot.PIN); err != nil {
		return code(err)
	}
	defer b.Logout(b.sh)
	_, err := b.aes(pkcs11.CKA_SIGN)
	found := b.FindObjectsInit(b.sh, nil)
	b.FindObjectsFinal(b.sh)
	return fmt.Sprintf("C_Login CKR_OK, C_FindObjectsInit %s, C_GenerateKey %s", code(found), code(err))
}

// noNames is of numbers that have none.
func noNames(string) (uint, bool) { return 0, false }
