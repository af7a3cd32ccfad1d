package control

import (
	"errors"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// Module listens from C_Initialize of next to C_Finalize. It is the outermost layer: the
// record of C_Finalize is the last that is sent.
func (s *Server) Module(next cryptoki.Extended) cryptoki.Extended {
	return &listening{next, s}
}

type listening struct {
	cryptoki.Extended
	server *Server
}

func (m *listening) Initialize(options ...pkcs11.InitializeOption) error {
	if err := m.server.Listen(); err != nil {
		return err
	}
	err := m.Extended.Initialize(options...)
	if err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		m.server.Close()
	}
	return err
}

// Finalize ends with the module; a socket that cannot be removed is no error of its own.
func (m *listening) Finalize() error {
	err := m.Extended.Finalize()
	m.server.Close()
	return err
}
