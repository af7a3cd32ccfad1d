package trace_test

import (
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/layer/trace"
	"github.com/epsbench/epsbench/emulator/token"
)

// A Recorder keeps what a program did to its token, and none of its secrets.
func Example() {
	m, err := token.New(token.Config{Label: "demo", SOPIN: "87654321", UserPIN: "123456"})
	if err != nil {
		panic(err)
	}
	var recorder trace.Recorder
	traced := trace.New("demo", m, recorder.Add)
	traced.Initialize()
	s, _ := traced.OpenSession(0, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	traced.Login(s, pkcs11.CKU_USER, "123456")
	mark := recorder.Mark()
	traced.GenerateKey(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
	})
	for _, r := range recorder.Since(mark) {
		fmt.Println(r.Function, r.Mechanism, r.Template, r.Return)
	}
	// Output: C_GenerateKey CKM_AES_KEY_GEN [{CKA_VALUE_LEN 8 32} {CKA_SENSITIVE 1 true}] CKR_OK
}
