package target

import (
	"testing"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/conformance"
)

// A cell that is not in the database is refused, and nothing that is no name gets into a statement.
func TestWriteRefusesWhatIsNotThere(t *testing.T) {
	s := openReference(t, run.Options{HSM: "emulator", Store: "sqlite"})
	good := conformance.Cell{Database: "authserver", Table: "credentials", Key: "token", KeyValue: "x", Column: "counter", Value: []byte("1")}
	for name, change := range map[string]func(*conformance.Cell){
		"database": func(c *conformance.Cell) { c.Database = "mysql" },
		"table":    func(c *conformance.Cell) { c.Table = "credentials; DROP TABLE credentials" },
		"key":      func(c *conformance.Cell) { c.Key = "1=1 OR token" },
		"column":   func(c *conformance.Cell) { c.Column = "counter = 0, version" },
		"row":      func(*conformance.Cell) {},
	} {
		c := good
		change(&c)
		if err := s.Write(t.Context(), c); err == nil {
			t.Errorf("%s that is not there: no error", name)
		}
	}
}
