package mpp

import (
	"context"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

func listeners(t conformance.Target) {
	It("answers each route where it belongs and nowhere else", conformance.Claims("ST-2.1-b"), func(ctx SpecContext) {
		surfaces := surfacesOf(ctx, t)
		cells, here := 0, 0
		for _, s := range surfaces {
			for _, other := range surfaces {
				for _, r := range other.Routes {
					cells++
					if documented(s, r) {
						here++
						expectThere(ctx, s, r)
						continue
					}
					expectNowhere(ctx, s, r, other.Name)
				}
			}
		}
		conformance.Observe("%d cells of route and listener: %d are documented, and there; the other %d answer 404, or 405 where the path serves another method", cells, here, cells-here)
	})
}

// documented says whether a surface has a route.
func documented(s conformance.Surface, r conformance.Route) bool {
	for _, own := range s.Routes {
		if own.Method == r.Method && own.Path == r.Path {
			return true
		}
	}
	return false
}

// undeclared is a method that no route has: its refusal names those that the path has.
const undeclared = http.MethodPatch

func expectThere(ctx context.Context, s conformance.Surface, r conformance.Route) {
	GinkgoHelper()
	a := ask(ctx, caller(s, r), s, conformance.Route{Method: undeclared, Path: r.Path})
	Expect(a.Status).To(Equal(http.StatusMethodNotAllowed), "%s %s on %s: is it there", undeclared, r.Path, s.Name)
	Expect(strings.Contains(a.Header.Get("Allow"), r.Method)).To(BeTrue(), "%s on %s: the path has the method %s", r.Path, s.Name, r.Method)
}

func expectNowhere(ctx context.Context, s conformance.Surface, r conformance.Route, of string) {
	GinkgoHelper()
	want := http.StatusNotFound
	for _, own := range s.Routes {
		if own.Path == r.Path {
			want = http.StatusMethodNotAllowed
		}
	}
	Expect(ask(ctx, s.Client, s, r).Status).To(Equal(want), "%s %s of %s answers on %s", r.Method, r.Path, of, s.Name)
}

// caller is who may call a route: the surface's client where nobody in particular.
func caller(s conformance.Surface, r conformance.Route) *http.Client {
	if r.Client != nil {
		return r.Client
	}
	return s.Client
}
