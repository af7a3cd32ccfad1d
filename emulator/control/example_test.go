package control_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/epsbench/epsbench/emulator/config"
	"github.com/epsbench/epsbench/emulator/control"
)

// A bench has the HSM of another program fail. Here both are one process.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "control")

	// In the program: libepsemu.so does this, by the file that EPSEMU_CONF names.
	c, err := config.Parse([]byte("format: epsbench.emulator/1\nbackend: {token: memory}\ncontrol: {socket: " + socket + "}\n"))
	if err != nil {
		panic(err)
	}
	hsm, err := c.Open(os.LookupEnv)
	if err != nil {
		panic(err)
	}
	if err := hsm.Initialize(); err != nil {
		panic(err)
	}
	defer hsm.Finalize()

	// In the bench.
	ctx := context.Background()
	bench, err := control.Dial(ctx, socket)
	if err != nil {
		panic(err)
	}
	err = bench.PlayYAML(ctx, `
name: unplugged
about: "The HSM is not there."
rules: [{when: {function: [C_GetSlotList]}, then: {return: CKR_DEVICE_REMOVED}}]
`)
	if err != nil {
		panic(err)
	}
	_, err = hsm.GetSlotList(true)
	fmt.Println(err)
	fmt.Println(bench.Fired(ctx))
	// Output:
	// pkcs11: 0x32: CKR_DEVICE_REMOVED
	// 1 <nil>
}
