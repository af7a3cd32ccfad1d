package hunt

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// Columns are those of every table of a target with CanReadDB, each a place.
func Columns(ctx context.Context, t conformance.Target) []Place {
	GinkgoHelper()
	tables, err := t.(conformance.Database).Dump(ctx)
	Expect(err).NotTo(HaveOccurred(), "dump of the database")
	var all []Place
	for _, table := range tables {
		for i, column := range table.Columns {
			p := Place{Name: "column " + table.Database + "." + table.Name + "." + column}
			for _, row := range table.Rows {
				p.Data = append(append(p.Data, row[i]...), '\n')
			}
			all = append(all, p)
		}
	}
	return all
}

// Files are those of the database engine (data, journals, logs) and those that the target
// leaves beside them. Nothing can be in one of no bytes: it is no place.
func Files(ctx context.Context, t conformance.Target) []Place {
	GinkgoHelper()
	files, err := t.(conformance.Database).Files(ctx)
	Expect(err).NotTo(HaveOccurred(), "files of the database")
	var all []Place
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if len(files[name]) > 0 {
			all = append(all, Place{"file " + name, files[name]})
		}
	}
	Expect(all).NotTo(BeEmpty(), "the %d files of the target are all empty", len(files))
	conformance.Observe("%d files are searched, %d are empty", len(all), len(files)-len(all))
	return all
}

// Logs is all that a target with CanReadLogs has logged.
func Logs(ctx context.Context, t conformance.Target) []Place {
	GinkgoHelper()
	text, err := t.(conformance.Logs).Logs(ctx)
	Expect(err).NotTo(HaveOccurred(), "logs")
	Expect(text).NotTo(BeEmpty(), "nothing was logged")
	return []Place{{"the log", text}}
}

// anyToken is what a surface writes into the paths that name a token.
const anyToken = "00000000000000000000000000"

// Readings is what a target with CanSeeRoutes says when every documented route that only
// reads is asked about a token.
func Readings(ctx context.Context, t conformance.Target, token string) Place {
	GinkgoHelper()
	return asked(ctx, t, token, reads)
}

// Answers is what a target with CanSeeRoutes says when every documented route is asked
// about a token: those that only read, then those that change it, revocation last.
func Answers(ctx context.Context, t conformance.Target, token string) Place {
	GinkgoHelper()
	return asked(ctx, t, token, reads, changes, revokes)
}

func asked(ctx context.Context, t conformance.Target, token string, kinds ...func(conformance.Route) bool) Place {
	GinkgoHelper()
	told := Place{Name: "an answer of a route"}
	for _, kind := range kinds {
		for _, s := range t.(conformance.Listeners).Surfaces() {
			for _, r := range s.Routes {
				if kind(r) {
					r.Path = strings.ReplaceAll(r.Path, anyToken, token)
					told.Data = append(told.Data, Answer(ctx, s, r)...)
				}
			}
		}
	}
	return told
}

func reads(r conformance.Route) bool   { return r.Safe }
func revokes(r conformance.Route) bool { return strings.HasSuffix(r.Path, anyToken+"/revoke") }
func changes(r conformance.Route) bool {
	return !r.Safe && strings.Contains(r.Path, anyToken) && !revokes(r)
}

// Answer is a whole answer of a route: status, header fields and body.
func Answer(ctx context.Context, s conformance.Surface, r conformance.Route) []byte {
	GinkgoHelper()
	client := s.Client
	if r.Client != nil {
		client = r.Client
	}
	q, err := http.NewRequestWithContext(ctx, r.Method, s.URL+r.Path, bytes.NewReader(r.Body))
	Expect(err).NotTo(HaveOccurred(), "request")
	if r.ContentType != "" {
		q.Header.Set("Content-Type", r.ContentType)
	}
	a, err := client.Do(q)
	Expect(err).NotTo(HaveOccurred(), "%s of the %s listener", r.Method, s.Name)
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	Expect(err).NotTo(HaveOccurred(), "answer of the %s listener", s.Name)
	return fmt.Appendf(nil, "%s %v\n%s\n", a.Status, a.Header, body)
}
