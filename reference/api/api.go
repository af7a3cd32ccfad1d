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
	Optional bool // there by configuration
}

type roles = []pki.Role

// routes is role × route. A test holds it against the OpenAPI files.
var routes = []Route{
	{Listener: Bank, Method: "POST", Path: "/v1/tokens", Roles: roles{pki.Issuer}},
	{Listener: Bank, Method: "GET", Path: "/v1/tokens/{token}", Roles: roles{pki.Issuer, pki.Auditor}},
	{Listener: Bank, Method: "POST", Path: "/v1/tokens/{token}/revoke", Roles: roles{pki.Issuer}},
	{Listener: Bank, Method: "POST", Path: "/v1/tokens/{token}/suspend", Roles: roles{pki.Issuer}},
	{Listener: Bank, Method: "POST", Path: "/v1/tokens/{token}/resume", Roles: roles{pki.Issuer}},
	{Listener: Bank, Method: "POST", Path: "/v1/tokens/{token}/reissue", Roles: roles{pki.Issuer}},
	{Listener: Bank, Method: "GET", Path: "/v1/audit", Roles: roles{pki.Auditor}},
	{Listener: Bank, Method: "GET", Path: "/v1/health", Roles: roles{pki.Issuer, pki.Auditor}},
	{Listener: Bank, Method: "GET", Path: "/v1/info", Roles: roles{pki.Issuer, pki.Auditor}},
	{Listener: Public, Method: "POST", Path: "/mpp/v1", Optional: true},
	{Listener: Public, Method: "POST", Path: "/mpp/v2", Optional: true},
	{Listener: Public, Method: "POST", Path: "/v1/activate", Optional: true},
	{Listener: Operations, Method: "GET", Path: "/metrics", Roles: roles{pki.Admin}},
	{Listener: Operations, Method: "GET", Path: "/ready", Roles: roles{pki.Admin, pki.KeyCustodian}},
	{Listener: Operations, Method: "GET", Path: "/v1/keys", Roles: roles{pki.KeyCustodian}},
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
