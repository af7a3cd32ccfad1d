package store

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
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

var version = regexp.MustCompile(`^[0-9]+(\.[0-9A-Za-z-]+)*$`)

// expectSameProduct compares with what the API tells, where it does.
func (w *world) expectSameProduct(ctx context.Context) {
	GinkgoHelper()
	for _, r := range w.routes(anyToken) {
		if !r.Safe || r.surface.Name != "bank" {
			continue
		}
		a := w.call(ctx, r)
		var told map[string]any
		if a.status != http.StatusOK || json.Unmarshal(a.body, &told) != nil {
			continue
		}
		if v, ok := told["version"].(string); ok && version.MatchString(v) {
			Expect(conformance.Public(v)).To(Equal(conformance.Public(w.Identity().Version)), "the API tells another version")
			conformance.Observe("the API tells version %s too", v)
		}
	}
}
