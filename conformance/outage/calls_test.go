package outage

import (
	"net/http"
	"testing"

	"github.com/epsbench/epsbench/conformance"
)

const good = `{"type":"urn:x:unavailable","title":"Temporarily unavailable","status":503,"detail":"try again","traceid":"0123456789abcdef0123456789abcdef"}`

func answer(status int, contentType, body string) conformance.Answer {
	return conformance.Answer{Status: status, Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body)}
}

func TestARefusalIsAProblemDocumentThatTellsNothing(t *testing.T) {
	const problem = "application/problem+json"
	if err := document(answer(503, problem, good)); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for name, bad := range map[string]conformance.Answer{
		"another status":       answer(500, problem, good),
		"another type":         answer(503, "text/plain", good),
		"no document":          answer(503, problem, "service unavailable"),
		"no trace id":          answer(503, problem, `{"type":"urn:x:unavailable","title":"Temporarily unavailable","status":503}`),
		"another status in it": answer(503, problem, `{"type":"urn:x:y","title":"t","status":500,"traceid":"0123456789abcdef0123456789abcdef"}`),
		"an error of PKCS#11":  answer(503, problem, `{"type":"urn:x:y","title":"t","status":503,"detail":"CKR_DEVICE_REMOVED","traceid":"0123456789abcdef0123456789abcdef"}`),
		"an address":           answer(503, problem, `{"type":"urn:x:y","title":"t","status":503,"detail":"dial tcp 10.0.0.7","traceid":"0123456789abcdef0123456789abcdef"}`),
	} {
		if document(bad) == nil {
			t.Errorf("%s is let through", name)
		}
	}
}

func TestHalfDoneTokensAreSeen(t *testing.T) {
	for _, e := range []conformance.Entry{
		{EPS: "issued", AuthServer: "active"}, {EPS: "provisioned", AuthServer: "active"},
		{EPS: "revoked", AuthServer: "revoked"}, {EPS: "cancelled", AuthServer: "cancelled"}, {EPS: "cancelled"},
	} {
		if err := settled(e); err != nil {
			t.Errorf("%+v: %v", e, err)
		}
	}
	for _, e := range []conformance.Entry{
		{EPS: "pending"}, {EPS: "pending", AuthServer: "active"}, {EPS: "issued"}, {AuthServer: "active"},
		{EPS: "cancelled", AuthServer: "active"}, {EPS: "issued", AuthServer: "active", Waiting: 1},
	} {
		if settled(e) == nil {
			t.Errorf("%+v is taken for done", e)
		}
	}
}
