package token

import "github.com/miekg/pkcs11"

// What this token leaves out answers so, as PKCS #11 asks.
const unsupported = rv(pkcs11.CKR_FUNCTION_NOT_SUPPORTED)

// GetOperationState is not supported.
func (t *Token) GetOperationState(pkcs11.SessionHandle) ([]byte, error) { return nil, unsupported }

// SetOperationState is not supported.
func (t *Token) SetOperationState(pkcs11.SessionHandle, []byte, pkcs11.ObjectHandle, pkcs11.ObjectHandle) error {
	return unsupported
}

// SignRecoverInit is not supported.
func (t *Token) SignRecoverInit(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle) error {
	return unsupported
}

// SignRecover is not supported.
func (t *Token) SignRecover(pkcs11.SessionHandle, []byte) ([]byte, error) { return nil, unsupported }

// VerifyRecoverInit is not supported.
func (t *Token) VerifyRecoverInit(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle) error {
	return unsupported
}

// VerifyRecover is not supported.
func (t *Token) VerifyRecover(pkcs11.SessionHandle, []byte) ([]byte, error) { return nil, unsupported }

// DigestEncryptUpdate is not supported.
func (t *Token) DigestEncryptUpdate(pkcs11.SessionHandle, []byte) ([]byte, error) {
	return nil, unsupported
}

// DecryptDigestUpdate is not supported.
func (t *Token) DecryptDigestUpdate(pkcs11.SessionHandle, []byte) ([]byte, error) {
	return nil, unsupported
}

// SignEncryptUpdate is not supported.
func (t *Token) SignEncryptUpdate(pkcs11.SessionHandle, []byte) ([]byte, error) {
	return nil, unsupported
}

// DecryptVerifyUpdate is not supported.
func (t *Token) DecryptVerifyUpdate(pkcs11.SessionHandle, []byte) ([]byte, error) {
	return nil, unsupported
}

// WaitForSlotEvent gives a closed channel: slots never change.
func (t *Token) WaitForSlotEvent(uint) chan pkcs11.SlotEvent {
	events := make(chan pkcs11.SlotEvent)
	close(events)
	return events
}
