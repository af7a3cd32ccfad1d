// Package api is the surface of an EPS: three listeners that share nothing. The
// bank enrols and asks, phones provision, operators watch. What each listener
// answers is in its OpenAPI file beside this one; the same table in code, with the
// roles, is routes.
//
// Start at routes. A call goes through Surface.Handler: trace id and recovery
// (package problem), access log and audit of what is denied, who is calling, is the
// route there, may this caller; then the call itself, in bank.go or operations.go.
package api

import (
	"embed"
	"fmt"

	"github.com/epsbench/epsbench/reference/api/pki"
)

// Listener names one of the three.
type Listener string

// The listeners. Nothing answers on the wrong one.
const (
	Bank       Listener = "bank"
	Public     Listener = "public"
	Operations Listener = "operations"
)

// Route is a method and path of a listener, and who may call it. No roles: anyone.
type Route struct {
	Listener Listener
	Method   string
	Path     string // as in OpenAPI: "/v1/tokens/{token}"
	Roles    []pki.Role
}

type roles = []pki.Role

// routes is role × route. A test holds it against the OpenAPI files.
var routes = []Route{
	{Bank, "POST", "/v1/tokens", roles{pki.Issuer}},
	{Bank, "GET", "/v1/tokens/{token}", roles{pki.Issuer, pki.Auditor}},
	{Bank, "POST", "/v1/tokens/{token}/revoke", roles{pki.Issuer}},
	{Bank, "POST", "/v1/tokens/{token}/suspend", roles{pki.Issuer}},
	{Bank, "POST", "/v1/tokens/{token}/resume", roles{pki.Issuer}},
	{Bank, "POST", "/v1/tokens/{token}/reissue", roles{pki.Issuer}},
	{Bank, "GET", "/v1/audit", roles{pki.Auditor}},
	{Bank, "GET", "/v1/health", roles{pki.Issuer, pki.Auditor}},
	{Bank, "GET", "/v1/info", roles{pki.Issuer, pki.Auditor}},
	{Public, "POST", "/mpp/v2", nil},
	{Operations, "GET", "/metrics", roles{pki.Admin}},
	{Operations, "GET", "/ready", roles{pki.Admin, pki.KeyCustodian}},
	{Operations, "GET", "/v1/keys", roles{pki.KeyCustodian}},
}

// Routes lists what a listener answers.
func Routes(l Listener) []Route {
	var of []Route
	for _, r := range routes {
		if r.Listener == l {
			of = append(of, r)
		}
	}
	return of
}

//go:embed bank.yaml public.yaml operations.yaml
var documents embed.FS

// Document is the OpenAPI file of a listener.
func Document(l Listener) []byte {
	data, err := documents.ReadFile(string(l) + ".yaml")
	if err != nil { // the name is not one of the three
		panic(fmt.Sprintf("no OpenAPI file: %v", err))
	}
	return data
}
