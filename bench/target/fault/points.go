package fault

import (
	"slices"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/reference"
)

// Kills is how many there are when each point is reached once.
func Kills() int {
	n := len(points)
	for _, p := range points {
		if p.First != "" {
			n++
		}
	}
	return n
}

// The two servers.
const (
	eps        = "eps"
	authserver = "authserver"
)

// Points are all places where a server can be killed, by operation, in the order in which
// the operation comes there.
func Points() []conformance.FaultPoint { return slices.Clone(points) }

var points = slices.Concat(
	during(conformance.DuringEnrolment,
		at(eps, "C_WrapKey"+inHSM),
		at(eps, commit("enrolling")...),
		at(eps, "create"+beforeMessage),
		at(authserver, "C_UnwrapKey"+inHSM, rowMade+beforeCommit, rowMade+afterCommit),
		at(authserver, answer("plugin")...),
		at(eps, "create"+afterMessage),
		at(eps, commit(reference.Registered.Record())...),
		at(eps, answer("bank")...)),
	first("create"+afterMessage, during(conformance.DuringCancellation,
		at(eps, commit(reference.Abandoned.Record())...),
		at(eps, "cancel"+beforeMessage),
		at(authserver, rowEnded+beforeCommit, rowEnded+afterCommit),
		at(authserver, answer("plugin")...),
		at(eps, "cancel"+afterMessage, answered+beforeCommit, answered+afterCommit))),
	first("create"+beforeMessage, during(conformance.DuringCancellation,
		at(authserver, tombstone+beforeCommit, tombstone+afterCommit))),
	during(conformance.DuringProvisioning,
		at(eps, "C_WrapKey"+inHSM),
		at(eps, commit(reference.Delivered.Record())...),
		at(eps, answer("public")...)),
	during(conformance.DuringWrongCode,
		at(eps, commit("refused")...),
		at(eps, answer("public")...)),
	during(conformance.DuringValidation,
		at(authserver, "C_Sign"+inHSM, otpUsed+beforeCommit, otpUsed+afterCommit),
		at(authserver, answer("auth")...)),
	during(conformance.DuringWrongOTP,
		at(authserver, "C_Sign"+inHSM, failure+beforeCommit, failure+afterCommit),
		at(authserver, answer("auth")...)),
	during(conformance.DuringRevocation,
		at(eps, commit(reference.Revoke.Record())...),
		at(eps, "revoke"+beforeMessage),
		at(authserver, rowEnded+beforeCommit, rowEnded+afterCommit),
		at(authserver, answer("plugin")...),
		at(eps, "revoke"+afterMessage, answered+beforeCommit, answered+afterCommit),
		at(eps, answer("bank")...)),
	during(conformance.DuringActivation,
		at(eps, "activate"+beforeMessage),
		at(authserver, otpUsed+beforeCommit, otpUsed+afterCommit),
		at(eps, "activate"+afterMessage, reference.Activated.Record()+afterCommit, "public"+afterAnswer)),
)

// during gives the points of one operation.
func during(o conformance.Operation, servers ...[]conformance.FaultPoint) []conformance.FaultPoint {
	all := slices.Concat(servers...)
	for i := range all {
		all[i].Operation = o
	}
	return all
}

// first gives the points their first kill.
func first(name string, points []conformance.FaultPoint) []conformance.FaultPoint {
	for i := range points {
		points[i].First = name
	}
	return points
}

// at gives points of one server.
func at(server string, names ...string) []conformance.FaultPoint {
	var all []conformance.FaultPoint
	for _, name := range names {
		all = append(all, conformance.FaultPoint{Server: server, Name: name})
	}
	return all
}

// commit gives the names of the points around a change of the EPS that leaves an audit record.
func commit(event string) []string {
	return []string{event + beforeCommit, event + beforeAnchor, event + afterCommit}
}

// answer gives the names of the points at the end of a call.
func answer(listener string) []string {
	return []string{listener + beforeAnswer, listener + afterAnswer}
}
