package cryptoki_test

import (
	"errors"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// echo answers with what it was asked, so that a test sees which argument went where.
type echo struct{ cryptoki.Module }

func (echo) Sign(sh pkcs11.SessionHandle, message []byte) ([]byte, error) {
	return message, nil
}

func (echo) WrapKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, wrappingKey, key pkcs11.ObjectHandle) ([]byte, error) {
	return []byte{byte(sh), byte(wrappingKey), byte(key)}, nil
}

func (echo) GetTokenInfo(slot uint) (pkcs11.TokenInfo, error) {
	return pkcs11.TokenInfo{Label: "echo", MaxPinLen: slot}, nil
}

func (echo) SetPIN(sh pkcs11.SessionHandle, oldPIN, newPIN string) error {
	if oldPIN != "old" || newPIN != "new" {
		return pkcs11.Error(pkcs11.CKR_PIN_INCORRECT)
	}
	return nil
}

func (echo) FindObjects(sh pkcs11.SessionHandle, max int) ([]pkcs11.ObjectHandle, bool, error) {
	return []pkcs11.ObjectHandle{pkcs11.ObjectHandle(max)}, true, nil
}

func TestAroundSeesArgumentsAndResults(t *testing.T) {
	var seen []string
	m := cryptoki.Around(echo{}, func(c *cryptoki.Call) error {
		err := c.Next()
		seen = append(seen, c.Function.String())
		return err
	})

	if out, err := m.WrapKey(1, nil, 2, 3); err != nil || string(out) != "\x01\x02\x03" {
		t.Errorf("WrapKey: %x, %v", out, err)
	}
	if info, err := m.GetTokenInfo(7); err != nil || info.Label != "echo" || info.MaxPinLen != 7 {
		t.Errorf("GetTokenInfo: %+v, %v", info, err)
	}
	if err := m.SetPIN(1, "old", "new"); err != nil {
		t.Errorf("SetPIN: %v", err)
	}
	if found, more, err := m.FindObjects(1, 5); err != nil || !more || found[0] != 5 {
		t.Errorf("FindObjects: %v %v %v", found, more, err)
	}
	want := []string{"C_WrapKey", "C_GetTokenInfo", "C_SetPIN", "C_FindObjects"}
	for i, w := range want {
		if seen[i] != w {
			t.Errorf("call %d: %s, want %s", i, seen[i], w)
		}
	}
}

func TestAroundMayChangeBoth(t *testing.T) {
	lost := pkcs11.Error(pkcs11.CKR_SESSION_HANDLE_INVALID)
	m := cryptoki.Around(echo{}, func(c *cryptoki.Call) error {
		if c.Session == 9 {
			return lost
		}
		c.In = []byte("changed")
		err := c.Next()
		c.Out = append(c.Out, '!')
		return err
	})
	if out, _ := m.Sign(1, []byte("message")); string(out) != "changed!" {
		t.Errorf("got %q", out)
	}
	if _, err := m.Sign(9, nil); !errors.Is(err, lost) {
		t.Errorf("got %v, want the layer's own error", err)
	}
}

func TestAroundAllocatesNothing(t *testing.T) {
	m := cryptoki.Around(echo{}, (*cryptoki.Call).Next)
	message := []byte("message")
	if n := testing.AllocsPerRun(1000, func() { m.Sign(1, message) }); n > 0 && !raceEnabled {
		t.Errorf("%v allocations a call, want 0", n)
	}
}

func BenchmarkAround(b *testing.B) {
	m := cryptoki.Around(echo{}, (*cryptoki.Call).Next)
	message := []byte("message")
	for b.Loop() {
		m.Sign(1, message)
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{cryptoki.MechanismName(pkcs11.CKM_AES_CBC), "CKM_AES_CBC"},
		{cryptoki.MechanismName(0x80000170), "CKM_0x80000170"},
		{cryptoki.AttributeName(pkcs11.CKA_UNWRAP_TEMPLATE), "CKA_UNWRAP_TEMPLATE"},
		{cryptoki.ReturnName(nil), "CKR_OK"},
		{cryptoki.ReturnName(pkcs11.Error(pkcs11.CKR_DEVICE_ERROR)), "CKR_DEVICE_ERROR"},
		{cryptoki.ReturnName(errors.New("other")), "error"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
}
