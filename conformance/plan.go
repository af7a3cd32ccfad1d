package conformance

import (
	"fmt"
	"strings"

	"github.com/onsi/ginkgo/v2/types"
)

// check refuses a plan that could pass without having judged what it seems to judge.
func (r *running) check(plan types.Report) error {
	if r.broken != nil {
		return r.broken
	}
	if plan.SuiteHasProgrammaticFocus {
		return fmt.Errorf("%w: %s has a focused spec", ErrFamily, r.family.Name)
	}
	ids, selected := map[string]bool{}, 0
	for _, spec := range plan.SpecReports {
		if spec.LeafNodeType != types.NodeTypeIt {
			continue
		}
		if spec.State == types.SpecStatePending {
			return fmt.Errorf("%w: %q is pending", ErrFamily, spec.FullText())
		}
		if _, err := r.claims(spec); err != nil {
			return err
		}
		id := specID(r.family.Name, spec)
		if ids[id] {
			return fmt.Errorf("%w: two specs are called %s", ErrFamily, id)
		}
		ids[id] = true
		if planned(spec) {
			selected++
		}
	}
	if selected == 0 {
		return fmt.Errorf("%w of %s", ErrNoSpecs, r.family.Name)
	}
	return nil
}

// missing names the specs that were planned and gave no result: the run was cut short.
func (r *running) missing(plan types.Report) error {
	var ids []string
	for _, spec := range plan.SpecReports {
		id := specID(r.family.Name, spec)
		if planned(spec) && !r.seen[id] {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		return fmt.Errorf("%d specs did not run: %s", len(ids), strings.Join(ids, ", "))
	}
	return nil
}

// planned tells whether the filter selects a spec of a preview.
func planned(spec types.SpecReport) bool {
	return spec.LeafNodeType == types.NodeTypeIt && spec.State == types.SpecStatePassed
}

// neverRan is a spec that the filter left out, or that an interruption did not let start:
// ginkgo reports it as skipped, without a message.
func neverRan(spec types.SpecReport) bool {
	return spec.State == types.SpecStateSkipped && spec.Failure.IsZero()
}

// specID is the name of a spec in reports and baselines: its own text where that is an id
// already ("rfc4226/appD/0"), else the family's name and the text as one word.
func specID(family string, spec types.SpecReport) string {
	return caseID(family, spec.LeafNodeText)
}

func caseID(prefix, text string) string {
	if strings.Contains(text, "/") && !strings.Contains(text, " ") {
		return text
	}
	words := strings.FieldsFunc(strings.ToLower(text), func(c rune) bool {
		return !('a' <= c && c <= 'z' || '0' <= c && c <= '9')
	})
	return prefix + "/" + strings.Join(words, "-")
}
