package hsm

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// The vectors of RFC 3394 §4.
func TestWrapOnHostMakesTheVectorsOfRFC3394(t *testing.T) {
	const kek = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
	const key = "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F"
	for _, tt := range []struct {
		section  string
		kek, key int // leading bytes of the above
		want     string
	}{
		{"4.1", 16, 16, "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"},
		{"4.2", 24, 16, "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D"},
		{"4.3", 32, 16, "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"},
		{"4.4", 24, 24, "031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2"},
		{"4.5", 32, 24, "A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1"},
		{"4.6", 32, 32, "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"},
	} {
		t.Run(tt.section, func(t *testing.T) {
			got, err := wrapOnHost(unhex(t, kek)[:tt.kek], unhex(t, key)[:tt.key])
			if err != nil || !bytes.Equal(got, unhex(t, tt.want)) {
				t.Errorf("%X, %v", got, err)
			}
		})
	}
}

func TestWrapOnHostRefusesOddLengths(t *testing.T) {
	for _, n := range []int{0, 8, 20, 33} {
		if _, err := wrapOnHost(make([]byte, 32), make([]byte, n)); err == nil {
			t.Errorf("%d bytes are wrapped", n)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
