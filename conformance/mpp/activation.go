package mpp

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// surfacesOf are those of a target, and where it offers activation the public one of an EPS
// that asks for it.
func surfacesOf(ctx context.Context, t conformance.Target) []conformance.Surface {
	GinkgoHelper()
	all := t.(conformance.Listeners).Surfaces()
	if !t.Capabilities()[conformance.CanActivate] {
		return all
	}
	asking, err := t.(conformance.Activations).Activating(ctx)
	Expect(err).NotTo(HaveOccurred(), "an EPS that asks for activation")
	for _, s := range asking.(conformance.Listeners).Surfaces() {
		if s.Name == "public" {
			s.Name = "public with activation"
			all = append(all, s)
		}
	}
	return all
}

// refusalOf is what a refused activation looks like on a surface that has its route.
func refusalOf(ctx context.Context, surfaces []conformance.Surface) http.Header {
	GinkgoHelper()
	for _, s := range surfaces {
		for _, r := range s.Routes {
			if r.Activation {
				return ask(ctx, s.Client, s, r).Header
			}
		}
	}
	return nil
}

// refusedActivation matches the uniform refusal of PROTOCOL.md §8.
func (e eps) refusedActivation(like http.Header) *uniform {
	u := e.beRefused(like)
	u.size = oracle.ActivationSize
	return u
}
