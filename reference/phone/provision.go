package phone

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/mpp/wire"
)

// timeout bounds one exchange. A refusal that the EPS delays can take seconds.
const timeout = time.Minute

// ErrTransport: the EPS was not reached, or what answered is none.
var ErrTransport = errors.New("no answer from the EPS")

// Client gives an HTTP client that trusts the pinned certificates and no others,
// speaks TLS 1.2 or newer and follows no redirection.
func (p Pinned) Client() (*http.Client, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(p.CA)) {
		return nil, fmt.Errorf("%w: ca holds no PEM certificate", ErrPinned)
	}
	return &http.Client{
		Timeout:       timeout,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// try is one try to get a token, under either version.
type try interface {
	Accept(answer []byte, now time.Time) (*Device, error)
	Clear()
}

// Provision turns a registration code into a device: one request, one answer. The form of
// the code says the version of MPP; one below the pinned minimum is never spoken. Its
// errors are ErrTransport, ErrPinned, reference.ErrInvalid or a Check.
func Provision(ctx context.Context, c *http.Client, p Pinned, service reference.Service, rc []byte, random io.Reader, clock reference.Clock) (*Device, error) {
	t, address, body, err := p.build(service, rc, random)
	if err != nil {
		return nil, err
	}
	defer t.Clear()
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%w: url must begin with https://", ErrPinned)
	}
	answer, err := post(ctx, c, address, body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTransport, err)
	}
	return t.Accept(answer, clock.Now())
}

// build makes the request of the version that the code is for.
func (p Pinned) build(service reference.Service, rc []byte, random io.Reader) (t try, address string, body []byte, err error) {
	locator, _, err := reference.SplitCode(rc)
	if err != nil {
		return nil, "", nil, err
	}
	if locator == "" {
		s, body, err := BuildRequestV1(p, service, rc, random)
		if err != nil {
			return nil, "", nil, err
		}
		return s, p.V1.URL, body, nil
	}
	s, body, err := BuildRequest(p, service, rc, random)
	return s, p.URL, body, err
}

func post(ctx context.Context, c *http.Client, address string, body []byte) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", wire.ContentType)
	resp, err := c.Do(q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, wire.ResponseSize+1))
}
