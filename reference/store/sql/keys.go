package sql

import "github.com/epsbench/epsbench/reference/store"

const (
	keyColumns = "name, version, master, wrapped, created"
	selectKeys = "SELECT " + keyColumns + " FROM wrapped_keys ORDER BY name, version"
	insertKey  = "INSERT INTO wrapped_keys (" + keyColumns + ") VALUES (?,?,?,?,?)"
)

// Keys implements store.Reader and store.AuthReader.
func (t *turn) Keys() ([]store.WrappedKey, error) {
	return list(t, func(row scanner) (k store.WrappedKey, err error) {
		var created int64
		err = row.Scan(&k.Name, &k.Version, &k.Master, &k.Blob, &created)
		k.Blob, k.Created = orNil(k.Blob), fromMicros(created)
		return k, err
	}, selectKeys)
}

// PutKey implements store.Tx and store.AuthTx.
func (t *turn) PutKey(k store.WrappedKey) error {
	_, err := t.write(insertKey, k.Name, k.Version, k.Master, bytes(k.Blob), micros(k.Created))
	return err
}
