package token

import (
	"github.com/miekg/pkcs11"
)

// GetInfo is C_GetInfo: Cryptoki 2.40.
func (t *Token) GetInfo() (pkcs11.Info, error) {
	if !t.running.Load() {
		return pkcs11.Info{}, rv(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	}
	return pkcs11.Info{
		CryptokiVersion:    pkcs11.Version{Major: 2, Minor: 40},
		ManufacturerID:     t.identity.Manufacturer,
		LibraryDescription: t.identity.Library,
		LibraryVersion:     t.identity.Firmware,
	}, nil
}

// GetSlotList is C_GetSlotList.
func (t *Token) GetSlotList(tokenPresent bool) ([]uint, error) {
	if !t.running.Load() {
		return nil, rv(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	}
	ids := make([]uint, 0, len(t.slots))
	for _, sl := range t.slots {
		if !tokenPresent || !sl.out.Load() {
			ids = append(ids, sl.id)
		}
	}
	return ids, nil
}

// GetSlotInfo is C_GetSlotInfo. A token can be taken out of its slot: see Eject.
func (t *Token) GetSlotInfo(slotID uint) (pkcs11.SlotInfo, error) {
	sl, err := t.anySlot(slotID)
	if err != nil {
		return pkcs11.SlotInfo{}, err
	}
	info := pkcs11.SlotInfo{
		SlotDescription: t.identity.Slot,
		ManufacturerID:  t.identity.Manufacturer,
		Flags:           pkcs11.CKF_REMOVABLE_DEVICE,
		FirmwareVersion: t.identity.Firmware,
	}
	if !sl.out.Load() {
		info.Flags |= pkcs11.CKF_TOKEN_PRESENT
	}
	return info, nil
}

// GetTokenInfo is C_GetTokenInfo.
func (t *Token) GetTokenInfo(slotID uint) (pkcs11.TokenInfo, error) {
	sl, err := t.slot(slotID)
	if err != nil {
		return pkcs11.TokenInfo{}, err
	}
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if err := sl.refresh(); err != nil {
		return pkcs11.TokenInfo{}, err
	}
	info := pkcs11.TokenInfo{
		ManufacturerID:     t.identity.Manufacturer,
		Model:              t.identity.Model,
		SerialNumber:       t.identity.Serial,
		Flags:              pkcs11.CKF_RNG | pkcs11.CKF_LOGIN_REQUIRED | pkcs11.CKF_DUAL_CRYPTO_OPERATIONS,
		MaxSessionCount:    uint(t.most), // 0 is CK_EFFECTIVELY_INFINITE
		MaxRwSessionCount:  uint(t.most),
		MaxPinLen:          maxPIN,
		MinPinLen:          minPIN,
		TotalPublicMemory:  pkcs11.CK_UNAVAILABLE_INFORMATION,
		FreePublicMemory:   pkcs11.CK_UNAVAILABLE_INFORMATION,
		TotalPrivateMemory: pkcs11.CK_UNAVAILABLE_INFORMATION,
		FreePrivateMemory:  pkcs11.CK_UNAVAILABLE_INFORMATION,
		FirmwareVersion:    t.identity.Firmware,
	}
	for _, s := range sl.sessions {
		info.SessionCount++
		if s.rw {
			info.RwSessionCount++
		}
	}
	if sl.card != nil {
		info.Label = sl.card.Label
		info.SerialNumber = sl.card.Serial
		info.Flags |= sl.card.flags()
	}
	return info, nil
}

// GetMechanismList is C_GetMechanismList. Those that take no parts come last: programs that
// try all of C_Sign's functions do so by the first that they know (pkcs11-tool --test).
func (t *Token) GetMechanismList(slotID uint) ([]*pkcs11.Mechanism, error) {
	if _, err := t.slot(slotID); err != nil {
		return nil, err
	}
	var out, last []*pkcs11.Mechanism
	for _, m := range t.offers.List() {
		if t.offers.Lookup(m).Single() {
			last = append(last, pkcs11.NewMechanism(m, nil))
			continue
		}
		out = append(out, pkcs11.NewMechanism(m, nil))
	}
	return append(out, last...), nil
}

// GetMechanismInfo is C_GetMechanismInfo.
func (t *Token) GetMechanismInfo(slotID uint, m []*pkcs11.Mechanism) (pkcs11.MechanismInfo, error) {
	if _, err := t.slot(slotID); err != nil {
		return pkcs11.MechanismInfo{}, err
	}
	if len(m) != 1 || m[0] == nil {
		return pkcs11.MechanismInfo{}, rv(pkcs11.CKR_ARGUMENTS_BAD)
	}
	spec := t.offers.Lookup(m[0].Mechanism)
	if spec == nil {
		return pkcs11.MechanismInfo{}, rv(pkcs11.CKR_MECHANISM_INVALID)
	}
	return spec.Info(), nil
}
