package keys

import (
	"slices"
	"strings"
)

// Labels names the keys of the EPS that live in its HSM, sorted.
func (r *Ring) Labels() []string {
	var all []string
	for _, k := range r.dbkKind().permanent() {
		if k.label != labelTicket || r.ticket != nil {
			all = append(all, k.label)
		}
	}
	for _, v := range r.MPPVersions() {
		if !r.pairs[v].kept {
			all = append(all, mppLabel(v))
		}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for name := range r.named {
		if strings.HasPrefix(name, namePLK) || strings.HasPrefix(name, namePLKR) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
