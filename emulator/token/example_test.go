package token_test

import (
	"bytes"
	"fmt"
	"log"
	"os"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/token"
)

// A token in memory is a PKCS #11 module like any other, ready at once.
func Example() {
	m, err := token.New(token.Config{Label: "demo", SOPIN: "87654321", UserPIN: "123456"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Destroy()
	m.Initialize()
	s, _ := m.OpenSession(0, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	m.Login(s, pkcs11.CKU_USER, "123456")

	key, err := m.CreateObject(s, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, bytes.Repeat([]byte{0x0b}, 20)), // RFC 4231, case 1
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_CHECK_VALUE, []byte{}),
	})
	if err != nil {
		log.Fatal(err)
	}
	m.SignInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA256_HMAC, nil)}, key)
	mac, err := m.Sign(s, []byte("Hi There"))
	fmt.Printf("%x %v\n", mac[:8], err)

	_, err = m.GetAttributeValue(s, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
	fmt.Println(err)
	// Output:
	// b0344c61d8db3853 <nil>
	// pkcs11: 0x11: CKR_ATTRIBUTE_SENSITIVE
}

// A token in a directory is there again after the process ended, however it did.
func Example_directory() {
	dir, err := os.MkdirTemp("", "token")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	config := token.Config{Dir: dir, Label: "kept", SOPIN: "87654321", UserPIN: "123456"}

	for range 2 { // the second time as after a restart
		m, err := token.New(config)
		if err != nil {
			log.Fatal(err)
		}
		m.Initialize()
		s, _ := m.OpenSession(0, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		m.Login(s, pkcs11.CKU_USER, "123456")
		m.FindObjectsInit(s, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, "master key")})
		found, _, _ := m.FindObjects(s, 10)
		m.FindObjectsFinal(s)
		fmt.Println("master keys:", len(found))
		if len(found) == 0 {
			m.GenerateKey(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, []*pkcs11.Attribute{
				pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
				pkcs11.NewAttribute(pkcs11.CKA_LABEL, "master key"),
				pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
				pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
				pkcs11.NewAttribute(pkcs11.CKA_WRAP, true),
				pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, true),
			})
		}
		m.Destroy()
	}
	// Output:
	// master keys: 0
	// master keys: 1
}
