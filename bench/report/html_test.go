package report_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/epsbench/epsbench/bench/report"
)

func TestScratch(t *testing.T) {
	r, err := report.Open("testdata/sample.json")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	os.WriteFile("/tmp/report.html", b.Bytes(), 0o644)
}
