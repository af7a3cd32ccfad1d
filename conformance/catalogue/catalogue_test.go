package catalogue_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2/types"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// row is a line of testdata/claims.tsv: the claims as they were taken from the sources,
// with the kind of judgement they allow.
type row struct{ id, kind string }

func rows(t *testing.T) []row {
	t.Helper()
	data, err := os.ReadFile("testdata/claims.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		fields := strings.Split(line, "\t")
		rows = append(rows, row{fields[0], fields[1]})
	}
	return rows
}

// own are the beginnings of ids of this project's own claims, with the family of each.
var own = map[string]string{"CRASH-": "crash", "OUT-": "outage", "FAULT-": "faults", "ACT-": "authserver", "HSM-": "hsm"}

// isOwn says whether a claim is one of them.
func isOwn(c conformance.Claim) bool {
	for prefix, family := range own {
		if strings.HasPrefix(c.ID, prefix) && c.Family == family {
			return true
		}
	}
	return false
}

// The catalogue has the 172 claims of the seed documents, no id twice, none lost, and the
// claims of the RFCs, of attacks, and this project's own beside them.
func TestEveryClaimIsHere(t *testing.T) {
	var seeds, rfcs []string
	for _, c := range catalogue.All() {
		switch _, _, refines := refined(c.ID); {
		case strings.HasPrefix(c.ID, "RFC"):
			rfcs = append(rfcs, c.ID)
		case attack.MatchString(c.ID):
		case !refines && !isOwn(c):
			seeds = append(seeds, c.ID)
		}
	}
	var want []string
	for _, r := range rows(t) {
		want = append(want, r.id)
	}
	slices.Sort(seeds)
	slices.Sort(want)
	if len(want) != 172 || !slices.Equal(seeds, want) {
		t.Errorf("%d claims, %d rows; missing %v, too many %v", len(seeds), len(want), without(want, seeds), without(seeds, want))
	}
	for _, id := range []string{"RFC4226-appD", "RFC6238-appB", "RFC6287-appC", "RFC3394-4"} {
		if !slices.Contains(rfcs, id) {
			t.Errorf("%s is missing", id)
		}
	}
}

// attack is the id of a class of attack; the source of its row is a text, a CVE, or the
// issue where it became known.
var attack = regexp.MustCompile(`^ATK-(0[1-9]|1[0-9])$`)

// source is one place or more where a claim comes from.
var source = func() *regexp.Regexp {
	const (
		text  = `(seed 00[0-4][ ,].+|RFC [0-9]{4} .+)`
		known = `(CVE-[0-9]{4}-[0-9]{4,}|[a-z0-9-]+/[a-z0-9-]+#[0-9]+)`
	)
	return regexp.MustCompile(`^(` + text + `|` + known + `(, ` + known + `)*)$`)
}()

// refinements are the last words of rows that judge a claim of the sources by other means
// beside the exact ones: statistics, whose verdict may be that the power was short, and the
// clear values of keys, which few HSMs tell. The rest of the id is the claim.
var refinements = map[string]refinement{
	"-digits": {"Statistics", conformance.Full}, "-times": {"Statistics", conformance.Full}, "-values": {"Values", ""},
}

type refinement struct {
	says    string // its method begins so
	profile conformance.Profile
}

func refined(id string) (claim string, by refinement, ok bool) {
	for word, by := range refinements {
		if claim, ok = strings.CutSuffix(id, word); ok {
			return claim, by, true
		}
	}
	return "", refinement{}, false
}

// A row that refines stands on a claim of the same source, and says so; statistics are judged
// in profile full only.
func TestRefinementsStandOnAClaim(t *testing.T) {
	for _, c := range catalogue.All() {
		id, by, ok := refined(c.ID)
		if !ok {
			continue
		}
		base, found := catalogue.Find(id)
		if !found || base.Source != c.Source || base.Target != c.Target || c.Profile != by.profile {
			t.Errorf("%s: %s of %s, profile %q; refines %s of %s", c.ID, c.Target, c.Source, c.Profile, id, base.Source)
		}
		if !strings.HasPrefix(c.Method, by.says+" on "+id+". ") {
			t.Errorf("%s does not say what it refines", c.ID)
		}
	}
}

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// The kind of judgement decides the status: what people have to show is manual, what
// nobody can judge says why, and the rest is automated now or later.
func TestStatusFollowsTheKind(t *testing.T) {
	for _, r := range rows(t) {
		c, ok := catalogue.Find(r.id)
		if !ok {
			t.Fatalf("%s is missing", r.id)
		}
		organisational := strings.Contains(r.kind, "org")
		switch {
		case r.kind == "org" && c.Status != conformance.Organisation:
			t.Errorf("%s (%s) is %s", r.id, r.kind, c.Status)
		case r.kind != "org" && c.Status == conformance.Organisation:
			t.Errorf("%s (%s) is %s", r.id, r.kind, c.Status)
		case r.kind == "n/a" && (c.Status != conformance.NotAutomated || c.Why == ""):
			t.Errorf("%s (%s) is %s, because %q", r.id, r.kind, c.Status, c.Why)
		case organisational && c.Collect == "":
			t.Errorf("%s (%s) does not say what to collect", r.id, r.kind)
		}
	}
}

// Every row can be printed, selected and scheduled.
func TestRowsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range catalogue.All() {
		if seen[c.ID] {
			t.Errorf("%s twice", c.ID)
		}
		seen[c.ID] = true
		if !source.MatchString(c.Source) {
			t.Errorf("%s: source %q", c.ID, c.Source)
		}
		if c.Target == "" || c.Family == "" || c.Title == "" || !strings.HasSuffix(c.Title, ".") {
			t.Errorf("%s is not complete: %+v", c.ID, c)
		}
		if c.Status != conformance.Organisation && c.Method == "" {
			t.Errorf("%s does not say how it is judged", c.ID)
		}
		if _, err := types.ParseLabelFilter(c.ID); err != nil {
			t.Errorf("%s cannot be selected: %v", c.ID, err)
		}
	}
}

// Recommendations of the RGS are SHOULD, all else is MUST.
func TestLevels(t *testing.T) {
	for id, want := range map[string]conformance.Level{
		"RGS-RecomAudit": conformance.Should, "RGS-RègleAudit": conformance.Must,
		"RGS-C-1": conformance.Must, "ST-6.1-a": conformance.Must, "RFC3394-4": conformance.Must,
	} {
		if c, _ := catalogue.Find(id); c.Level != want {
			t.Errorf("%s is a %s", id, c.Level)
		}
	}
}

func TestByFamily(t *testing.T) {
	automated := map[string]int{}
	for _, c := range catalogue.All() {
		if c.Status == conformance.Automated {
			automated[c.Family]++
		}
	}
	for _, name := range []string{"rfc", "mpp", "pin", "store", "authserver"} {
		if automated[name] == 0 || len(catalogue.ByFamily(name)) < automated[name] {
			t.Errorf("%s: %d automated of %d", name, automated[name], len(catalogue.ByFamily(name)))
		}
	}
	if len(catalogue.ByFamily("none")) != 0 {
		t.Error("a family that does not exist has claims")
	}
}

// What the caller does to its copy stays there.
func TestAllIsACopy(t *testing.T) {
	mine := catalogue.All()
	mine[0].ID, mine[1].Needs[0] = "changed", "changed"
	if again := catalogue.All(); again[0].ID == "changed" || again[1].Needs[0] == "changed" {
		t.Error("the catalogue was changed")
	}
}
