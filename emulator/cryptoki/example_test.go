package cryptoki_test

import (
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/token"
)

// A layer sees every call, and may answer it in the token's place: here it takes
// the token away after the third call.
func ExampleAround() {
	m, err := token.New(token.Config{Label: "demo", SOPIN: "87654321", UserPIN: "123456"})
	if err != nil {
		panic(err)
	}
	calls := 0
	unplugged := cryptoki.Around(m, func(c *cryptoki.Call) error {
		if calls++; calls > 3 {
			return pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED)
		}
		err := c.Next()
		fmt.Println(c.Function, cryptoki.ReturnName(err))
		return err
	})
	unplugged.Initialize()
	s, _ := unplugged.OpenSession(0, pkcs11.CKF_SERIAL_SESSION)
	unplugged.Login(s, pkcs11.CKU_USER, "wrong")
	fmt.Println(unplugged.Login(s, pkcs11.CKU_USER, "123456"))
	// Output:
	// C_Initialize CKR_OK
	// C_OpenSession CKR_OK
	// C_Login CKR_PIN_INCORRECT
	// pkcs11: 0x32: CKR_DEVICE_REMOVED
}

// Open says of a file that cannot be loaded what is wrong with it.
func ExampleOpen() {
	_, err := cryptoki.Open("/etc/passwd")
	fmt.Println(err)
	// Output: load PKCS#11 library /etc/passwd: is no ELF file: not a PKCS#11 library for this machine
}
