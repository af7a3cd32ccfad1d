package store

import (
	"context"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
)

// evaluated are the versions that the security target names (seed 000 §1, §2.5).
var evaluated = []struct{ part, version string }{
	{"EPS", "EZIO Mobile EPS 2.6.1"},
	{"HSM", "Safenet PSE-I PL220 K5 PCI"},
	{"database", "MariaDB 5.5.31"},
	{"authentication server", "DS3 2.2.1-SP"},
}

// identity: it is known what was judged.
func identity(w *world) {
	It("tells the versions of its four parts", conformance.Claims("ST-ID"), func(ctx SpecContext) {
		parts := w.parts()
		var deviations []string
		for _, e := range evaluated {
			Expect(parts[e.part]).To(MatchRegexp(`\S.* \S*\d`), "the %s tells no name and version", e.part)
			conformance.Observe("%s: %s", e.part, parts[e.part])
			if !strings.EqualFold(parts[e.part], e.version) {
				deviations = append(deviations, e.part+" (evaluated: "+e.version+")")
			}
		}
		w.expectSameHSM(ctx)
		w.expectSameProduct(ctx)
		conformance.Observe("other than in the security target: %s", strings.Join(deviations, ", "))
	})
}

// parts gives name and version of each part, as the target tells them.
func (w *world) parts() map[string]string {
	id := w.Identity()
	return map[string]string{
		"EPS":                   id.Name + " " + id.Version,
		"HSM":                   joined(id.HSM, "manufacturer", "model", "firmware", "library"),
		"database":              joined(id.Store, "engine", "version"),
		"authentication server": joined(id.AuthServer, "name", "version"),
	}
}

// joined gives the values of names, and nothing where one is missing.
func joined(m map[string]string, names ...string) string {
	var values []string
	for _, name := range names {
		if strings.TrimSpace(m[name]) == "" {
			return ""
		}
		values = append(values, m[name])
	}
	return strings.Join(values, " ")
}

// expectSameHSM compares what the target tells with what the token itself does.
func (w *world) expectSameHSM(ctx context.Context) {
	GinkgoHelper()
	holder, ok := w.Target.(conformance.HSMObjects)
	if !ok || !w.Capabilities()[conformance.CanSeeObjects] {
		return
	}
	slot, err := holder.HSM(ctx, "eps")
	if err != nil {
		conformance.Broken("no slot of the EPS's HSM: %v", err)
	}
	info, err := slot.Module.GetTokenInfo(slot.ID)
	Expect(err).NotTo(HaveOccurred(), "C_GetTokenInfo")
	told := w.Identity().HSM
	for name, own := range map[string]string{"manufacturer": info.ManufacturerID, "model": info.Model} {
		Expect(told[name]).To(Equal(strings.TrimRight(own, " \x00")), "the HSM's %s is not what the token tells itself", name)
	}
}

// toldVersion is how an API tells its own.
var toldVersion = regexp.MustCompile(`"version":"([^"]*)"`)

// expectSameProduct compares with what the bank's routes tell, where they do.
func (w *world) expectSameProduct(ctx context.Context) {
	GinkgoHelper()
	if !w.Capabilities()[conformance.CanSeeRoutes] {
		return
	}
	for _, surface := range w.Target.(conformance.Listeners).Surfaces() {
		for _, r := range surface.Routes {
			if surface.Name != "bank" || !r.Safe {
				continue
			}
			for _, told := range toldVersion.FindAllSubmatch(hunt.Answer(ctx, surface, r), -1) {
				Expect(conformance.Public(told[1])).To(Equal(conformance.Public(w.Identity().Version)), "%s tells another version", r.Path)
				conformance.Observe("%s tells version %s too", r.Path, told[1])
			}
		}
	}
}
