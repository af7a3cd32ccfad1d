package sql

import "github.com/epsbench/epsbench/reference/store"

const (
	selectKeystores = "SELECT name, version, pkcs12, password, dbk_version, created FROM keystores ORDER BY name, version"
	insertKeystore  = "INSERT INTO keystores (name, version, pkcs12, password, dbk_version, created) VALUES (?, ?, ?, ?, ?, ?)"
)

// Keystores implements store.Reader.
func (t epsTx) Keystores() ([]store.Keystore, error) {
	return list(t.turn, func(row scanner) (k store.Keystore, err error) {
		var created int64
		err = row.Scan(&k.Name, &k.Version, &k.PKCS12, &k.Password, &k.DBKVersion, &created)
		k.PKCS12, k.Password, k.Created = orNil(k.PKCS12), orNil(k.Password), fromMicros(created)
		return k, err
	}, selectKeystores)
}

// PutKeystore implements store.Tx.
func (t epsTx) PutKeystore(k store.Keystore) error {
	_, err := t.write(insertKeystore, k.Name, k.Version, bytes(k.PKCS12), bytes(k.Password), k.DBKVersion, micros(k.Created))
	return err
}
