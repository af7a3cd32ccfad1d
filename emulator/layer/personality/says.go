package personality

import (
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// says are the fields of Then.Says: where the text goes in which call.
var says = map[string]func(c *cryptoki.Call, text string){
	"cryptoki":           ofLibrary(func(i *pkcs11.Info, s string) { i.CryptokiVersion = version(s) }),
	"manufacturer":       ofLibrary(func(i *pkcs11.Info, s string) { i.ManufacturerID = s }),
	"library":            ofLibrary(func(i *pkcs11.Info, s string) { i.LibraryDescription = s }),
	"library_version":    ofLibrary(func(i *pkcs11.Info, s string) { i.LibraryVersion = version(s) }),
	"slot":               ofSlot(func(i *pkcs11.SlotInfo, s string) { i.SlotDescription = s }),
	"slot_manufacturer":  ofSlot(func(i *pkcs11.SlotInfo, s string) { i.ManufacturerID = s }),
	"token_manufacturer": ofToken(func(i *pkcs11.TokenInfo, s string) { i.ManufacturerID = s }),
	"model":              ofToken(func(i *pkcs11.TokenInfo, s string) { i.Model = s }),
	"firmware":           ofToken(func(i *pkcs11.TokenInfo, s string) { i.FirmwareVersion = version(s) }),
	"max_pin":            ofToken(func(i *pkcs11.TokenInfo, s string) { fmt.Sscan(s, &i.MaxPinLen) }),
	"min_pin":            ofToken(func(i *pkcs11.TokenInfo, s string) { fmt.Sscan(s, &i.MinPinLen) }),
}

func ofLibrary(set func(*pkcs11.Info, string)) func(*cryptoki.Call, string) {
	return func(c *cryptoki.Call, s string) {
		if c.Function == cryptoki.GetInfo {
			set(&c.Info.Library, s)
		}
	}
}

func ofSlot(set func(*pkcs11.SlotInfo, string)) func(*cryptoki.Call, string) {
	return func(c *cryptoki.Call, s string) {
		if c.Function == cryptoki.GetSlotInfo {
			set(&c.Info.Slot, strings.ReplaceAll(s, "{slot}", fmt.Sprintf("%#x", c.Slot)))
		}
	}
}

func ofToken(set func(*pkcs11.TokenInfo, string)) func(*cryptoki.Call, string) {
	return func(c *cryptoki.Call, s string) {
		if c.Function == cryptoki.GetTokenInfo {
			set(&c.Info.Token, s)
		}
	}
}

// version reads "10.9"; what it cannot read is 0.
func version(s string) pkcs11.Version {
	var v pkcs11.Version
	fmt.Sscanf(strings.TrimSpace(s), "%d.%d", &v.Major, &v.Minor)
	return v
}
