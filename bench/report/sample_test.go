package report_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// sample is a run over the whole catalogue in which every verdict occurs: the page
// is designed against it.
func sample() report.Report {
	in := report.Input{
		Run: report.Run{ID: "20260102T030405Z-7f3a91", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 18.2,
			Seed: 8338065, Profile: "quick", Version: "v0.1.0", Repeat: "epsbench run --seed 8338065"},
		Identity: conformance.Identity{Kind: conformance.KindEPS, Name: "reference EPS", Version: "0.1.0",
			HSM:   map[string]string{"kind": "emulator", "library": "epsbench emulator 0.1", "model": "emulator", "strategy Deliver": "row-kw", "strategy OAEPUnwrap": "OAEP-SHA-256"},
			Store: map[string]string{"engine": "SQLite", "version": "3.51.0"}},
		Catalogue: catalogue.All(),
		Mutants:   map[string][]report.Mutant{}, Findings: catalogue.Text(),
		Unselected: map[string]string{"ST-2.1-b": "outside --focus !ST-2.1-b"},
		Families: []report.Ended{{Family: "rfc", About: "published vectors", Seconds: 0.9}, {Family: "mpp", Seconds: 6.1},
			{Family: "pin", Seconds: 8.8}, {Family: "store", Seconds: 2, Error: "killed by SIGSEGV; see logs/store.log"}},
	}
	for _, c := range in.Catalogue {
		if c.Status != conformance.Automated || in.Unselected[c.ID] != "" {
			continue
		}
		in.Mutants[c.ID] = []report.Mutant{{Name: "mutant of " + c.ID, About: "one rule of this claim is broken on purpose"}}
		in.Results = append(in.Results, passing(c)...)
	}
	in.Results = append(in.Results, oddities...)
	return report.Assemble(in)
}

// passing gives a claim of family rfc ten cases, and others one.
func passing(c conformance.Claim) []conformance.Result {
	n := 1
	if c.Family == "rfc" {
		n = 10
	}
	var rs []conformance.Result
	for i := range n {
		rs = append(rs, conformance.Result{Claim: c.ID, ID: fmt.Sprintf("%s/%s/%d", c.Family, strings.ToLower(c.ID), i),
			Verdict: conformance.Pass, Seconds: 0.0123, Observed: "refused with the uniform answer of 1,184 bytes"})
	}
	return rs
}

// oddities are the cases that do not pass. Their texts hold what a page must escape.
var oddities = []conformance.Result{
	{Claim: "ST-6.3-8", ID: "mpp/flips/17", Verdict: conformance.Fail, Seconds: 0.2,
		Expected: `a changed response is refused <b>"always"</b> & everywhere`,
		Observed: "byte 17 changed, and the client\x00 accepted it: </script><script>alert(1)</script>"},
	{Claim: "ST-6.3-2", ID: "mpp/blocked", Verdict: conformance.Blocked, Observed: "the target does not offer hsm-trace"},
	{Claim: "ST-6.3-3", ID: "mpp/process", Verdict: conformance.HarnessError, Observed: "the process ended without an end record"},
	{Claim: "ST-6.3-4", ID: "mpp/excluded", Verdict: conformance.Excluded, Observed: "stopped by the operator"},
	{Claim: "ST-6.3-5", ID: "mpp/undecided", Verdict: conformance.Inconclusive, Observed: "the smallest effect that 4,000 pairs show is 0.11 σ"},
	{Claim: "ST-6.3-6", ID: "mpp/warn", Verdict: conformance.Warn, Observed: "K1 is used on the host when the token cannot wrap with it"},
	{Claim: "ST-6.1-a", ID: "pin/survivors", Verdict: conformance.Pass, Observed: "10,000, 1 and 1 PINs remain", Series: &conformance.Series{
		Name: "PINs that remain after an offline search", XLabel: "observed OTPs", YLabel: "remaining PINs",
		Caption: "Before any OTP all 10,000 PINs are possible; one observed OTP leaves about one wrong candidate, two leave none. Rings are the theory: what was seen must lie in them.",
		Labels:  []string{"0", "1", "2"}, Theory: []float64{10000, 1.01, 1}, Seen: []float64{10000, 1, 1}}},
	{Claim: "CRASH-revocation", ID: "crash/kills", Verdict: conformance.Pass, Observed: "no violation", Table: &conformance.Sheet{
		Name: "Kills", Caption: "What was there when a killed server came back.",
		Head: []string{"point", "kills", "nothing", "all"}, Rows: [][]string{{"before the commit", "3", "3", "0"}, {"after the <commit>", "3", "0", "3"}}}},
	{Claim: "ST-6.1-b", ID: "pin/delays", Verdict: conformance.Pass, Observed: "KS distance 0.004", Series: &conformance.Series{
		Name: "Delay of refusals", XLabel: "milliseconds", YLabel: "share",
		Caption: "Share of refusals that had left by then: steps at multiples of 100 ms and nothing between them say that the grid hides the cause.",
		Labels:  strings.Fields("50 100 150 200 250 300 350 400 450 500"),
		Theory:  []float64{0, .62, .62, .88, .88, .97, .97, 1, 1, 1}, Seen: []float64{0, .6, .6, .9, .9, .965, .965, 1, 1, 1}}},
	{Claim: "ST-6.1-c", ID: "pin/digits", Verdict: conformance.Pass, Observed: "no digit stands out", Series: &conformance.Series{
		Name: "Digits", XLabel: "digit", YLabel: "%", Caption: "Each comes as often as every other.",
		Curves: []conformance.Curve{
			{Name: "right", X: []float64{0, 1, 2}, Y: []float64{9.9, 10.2, 9.8}}, {Name: "wrong", X: []float64{0, 1, 2}, Y: []float64{10.1, 10, 9.9}},
			{Name: "chance", X: []float64{0, 1, 2}, Y: []float64{9, 9, 9}}, {Name: "chance", X: []float64{0, 1, 2}, Y: []float64{11, 11, 11}},
		}}},
}
